//! The host list: which endpoints a survey asks, in which order.
//!
//! A list is checked whole before anybody is asked, so that a typing error in its last line costs nothing, and
//! it is kept as expressions: an expansion of a million endpoints is eight bytes each until one is needed.
//!
//! ```
//! use labrpc::survey::hosts::Builder;
//!
//! let mut builder = Builder::default();
//! builder.read("hosts.txt", b"192.168.1.[1-3,7]  # the first row\nlab09.example:2048\n");
//! let hosts = builder.build()?;
//! assert_eq!(hosts.len(), 5);
//! assert_eq!(hosts.get(3).to_string(), "192.168.1.7:1024");
//! # Ok::<(), labrpc::survey::hosts::Errors>(())
//! ```

mod expression;
mod fold;
mod source;

use std::{collections::HashMap, fmt};

use self::expression::{Exclusions, Expression};
pub use self::{
    expression::Problem,
    fold::fold,
    source::{Error, Position},
};
use crate::survey::endpoint::Endpoint;

/// How many endpoints a list may expand to unless the caller says otherwise.
///
/// A list of this size takes minutes; one that is larger is more often a slip (`10.0.0.0/8`) than a wish.
pub const DEFAULT_MAX_HOSTS: usize = 1_000_000;

/// What stands for a file's name where there is none.
const ARGUMENT: &str = "argument";

/// The endpoints of a survey, in input order, numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    expressions: Vec<Expression>,
    /// Where each endpoint stands: an expression, and a place in its expansion.
    places: Vec<(u32, u32)>,
    /// For each endpoint that is listed again, the index of its first listing.
    duplicates: HashMap<usize, usize>,
    excluded: usize,
}

impl Hosts {
    /// The number of endpoints, duplicates included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is nobody to ask.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The endpoint at an index.
    ///
    /// # Panics
    /// If the index is not below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> Endpoint {
        let (expression, place) = self.places[index];
        self.expressions[expression as usize].get(place)
    }

    /// All endpoints in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Endpoint> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Which endpoints have a name to look up, by index.
    pub(crate) fn names(&self) -> Vec<bool> {
        // The endpoints of one expression differ in numbers only.
        let first = |expression: &Expression| expression.get(0).address.is_name();
        let expressions: Vec<bool> = self.expressions.iter().map(first).collect();
        let places = self.places.iter();
        places
            .map(|(expression, _)| expressions[*expression as usize])
            .collect()
    }

    /// The index of the first line with the same endpoint, for one that is listed again.
    #[must_use]
    pub fn duplicate_of(&self, index: usize) -> Option<usize> {
        self.duplicates.get(&index).copied()
    }

    /// How many endpoints the exclusions took out.
    #[must_use]
    pub fn excluded(&self) -> usize {
        self.excluded
    }
}

/// Reads an expression that names one endpoint.
///
/// # Errors
/// A bad expression, or one that names several or none.
pub fn exactly_one(text: &str) -> Result<Endpoint, Errors> {
    let mut builder = Builder::default();
    builder.argument(text);
    let count = builder.total;
    if count != 1 && builder.errors.is_empty() {
        let position = Position {
            file: ARGUMENT.to_owned(),
            line_column: None,
        };
        let error = Error::new(position, text, Problem::NotOne(count));
        builder.errors.push(error);
    }
    if builder.errors.is_empty() {
        Ok(builder.expand().get(0))
    } else {
        Err(Errors(builder.errors))
    }
}

impl FromIterator<Endpoint> for Hosts {
    /// A list of endpoints that are known already, such as the seats of a simulated room.
    fn from_iter<I: IntoIterator<Item = Endpoint>>(endpoints: I) -> Self {
        let expressions = endpoints.into_iter().map(Expression::Single).collect();
        // Nothing is excluded and nothing can be too many: they are all in memory.
        Builder {
            max_hosts: usize::MAX,
            expressions,
            ..Builder::default()
        }
        .expand()
    }
}

/// Collects expressions from files and arguments, then checks and expands them together.
#[derive(Debug)]
pub struct Builder {
    max_hosts: usize,
    expressions: Vec<Expression>,
    exclusions: Exclusions,
    errors: Vec<Error>,
    /// Endpoints so far; `u128` because one IPv6 prefix can name 2^128.
    total: u128,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            max_hosts: DEFAULT_MAX_HOSTS,
            expressions: Vec::new(),
            exclusions: Exclusions::default(),
            errors: Vec::new(),
            total: 0,
        }
    }
}

impl Builder {
    /// Refuses a list that expands to more than `max_hosts` endpoints.
    #[must_use]
    pub fn max_hosts(mut self, max_hosts: usize) -> Self {
        // Places are 32 bits wide.
        self.max_hosts = max_hosts.min(u32::MAX as usize);
        self
    }

    /// Adds the contents of a file: lines of expressions, or a Prometheus `file_sd` JSON array.
    ///
    /// UTF-8 with or without a byte order mark and UTF-16 with one are read. Errors are kept for
    /// [`Self::build`].
    pub fn read(&mut self, name: &str, contents: &[u8]) {
        for item in source::items(name, contents) {
            match item.and_then(|(position, text)| {
                Expression::parse(&text).map_err(|problem| Error::new(position, &text, problem))
            }) {
                Ok(expression) => self.push(expression),
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// Adds one expression (or several, with commas) from the command line.
    pub fn argument(&mut self, text: &str) {
        self.read(ARGUMENT, text.as_bytes());
    }

    /// Takes out whatever an expression names; without a port it stands for every port of the host.
    pub fn exclude(&mut self, text: &str) {
        for item in source::items("--exclude", text.as_bytes()) {
            let added = item.and_then(|(position, text)| {
                self.exclusions
                    .add(&text, self.max_hosts)
                    .map_err(|problem| Error::new(position, &text, problem))
            });
            self.errors.extend(added.err());
        }
    }

    /// Expands everything.
    ///
    /// # Errors
    /// All bad expressions, each with its file, line and column; or that the list is too long.
    pub fn build(mut self) -> Result<Hosts, Errors> {
        if self.total > self.max_hosts as u128 {
            let problem = Problem::TooMany {
                count: self.total,
                max: self.max_hosts,
            };
            self.errors.push(Error {
                position: Position::default(),
                text: None,
                problem,
            });
        }
        if self.errors.is_empty() {
            Ok(self.expand())
        } else {
            Err(Errors(self.errors))
        }
    }

    fn push(&mut self, expression: Expression) {
        self.total = self.total.saturating_add(expression.len());
        self.expressions.push(expression);
    }

    /// The caller has seen to it that the expansion fits into memory and places.
    fn expand(self) -> Hosts {
        let mut hosts = Hosts::default();
        let mut first_index = HashMap::new();
        for (number, expression) in (0..).zip(&self.expressions) {
            for place in
                (0..=u32::MAX).take(usize::try_from(expression.len()).unwrap_or(usize::MAX))
            {
                let endpoint = expression.get(place);
                if self.exclusions.contain(&endpoint) {
                    hosts.excluded += 1;
                    continue;
                }
                let index = hosts.places.len();
                hosts.places.push((number, place));
                let first = *first_index.entry(endpoint).or_insert(index);
                if first != index {
                    hosts.duplicates.insert(index, first);
                }
            }
        }
        hosts.expressions = self.expressions;
        hosts
    }
}

/// Everything that is wrong with a host list.
#[derive(Debug)]
pub struct Errors(Vec<Error>);

impl Errors {
    /// Errors printed one by one; a file that is not a host list at all has one on every line.
    const SHOWN: usize = 10;
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().take(Self::SHOWN).enumerate() {
            write!(f, "{}{error}", if number == 0 { "" } else { "\n" })?;
        }
        match self.0.len().saturating_sub(Self::SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more bad expressions"),
        }
    }
}

impl std::error::Error for Errors {}
