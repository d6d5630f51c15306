//! Collects expressions from files and arguments, and checks them together.

use crate::survey::{
    endpoint::{Address, Endpoint},
    hosts::{
        exclusions::Exclusions,
        expression::Expression,
        input::tokens,
        labels::{LabelInterner, Labels},
        list::Hosts,
        part::Part,
        problem::{Error, Errors, Position, Problem},
        token::Token,
    },
};

/// How many endpoints a list may expand to unless the caller sets another limit.
///
/// A list of this size takes minutes; a larger one is more often a typing error (`10.0.0.0/8`) than intended.
pub const DEFAULT_MAX_HOSTS: usize = 1_000_000;

/// Stands for the file's name where there is no file.
const ARGUMENT: &str = "argument";

/// Parses an expression that names exactly one endpoint.
///
/// # Errors
/// A bad expression, or one that names several endpoints or none.
pub fn exactly_one(text: &str) -> Result<Endpoint, Errors> {
    let mut builder = Builder::default();
    builder.argument(text);
    match builder.expressions.as_slice() {
        _ if !builder.errors.is_empty() => Err(Errors(builder.errors)),
        [expression] if builder.total == 1 => match expression.get(0) {
            endpoint if matches!(endpoint.address, Address::Dns(..)) => {
                Err(argument_error(text, Problem::NotOneAddress))
            }
            endpoint => Ok(endpoint),
        },
        _ => Err(argument_error(text, Problem::NotOne(builder.total))),
    }
}

fn argument_error(text: &str, problem: Problem) -> Errors {
    let position = Position {
        file: ARGUMENT.to_owned(),
        location: None,
    };
    Errors(vec![Error::new(position, text, problem)])
}

/// Collects expressions, then checks and expands them together.
#[derive(Debug)]
pub struct Builder {
    max_hosts: usize,
    part: Option<Part>,
    expressions: Vec<Expression>,
    /// The labels of each expression's endpoints, up to the last expression that has some.
    labels: Vec<Option<Labels>>,
    interner: LabelInterner,
    exclusions: Exclusions,
    errors: Vec<Error>,
    /// Endpoints so far; `u128` because one IPv6 prefix can name 2^128.
    total: u128,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            max_hosts: DEFAULT_MAX_HOSTS,
            part: None,
            expressions: Vec::new(),
            labels: Vec::new(),
            interner: LabelInterner::default(),
            exclusions: Exclusions::default(),
            errors: Vec::new(),
            total: 0,
        }
    }
}

impl Builder {
    /// Rejects a list that expands to more than `max_hosts` endpoints.
    #[must_use]
    pub fn max_hosts(mut self, max_hosts: usize) -> Self {
        // Offsets have 32 bits.
        self.max_hosts = max_hosts.min(u32::MAX as usize);
        self
    }

    /// Keeps the endpoints of this part of the list. With a shard the limit on endpoints is one for each shard.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.part = Some(part);
        self
    }

    /// Adds the contents of a file: lines of expressions, a Prometheus `file_sd` JSON array, or the EndpointSlices
    /// that `kubectl get endpointslices -o json` prints.
    ///
    /// UTF-8 with or without a byte order mark and UTF-16 with one are accepted. Errors are kept for
    /// [`Self::build`].
    pub fn read(&mut self, name: &str, contents: &[u8]) {
        for token in tokens(name, contents, &mut self.interner) {
            match token.and_then(|token| Ok((parsed(&token)?, token.labels))) {
                Ok((expression, labels)) => {
                    self.total = self.total.saturating_add(expression.len());
                    if labels.is_some() {
                        self.labels.resize(self.expressions.len(), None);
                        self.labels.push(labels);
                    }
                    self.expressions.push(expression);
                }
                Err(error) => self.errors.push(error),
            }
        }
    }

    /// Adds one expression (or several, with commas) from the command line.
    pub fn argument(&mut self, text: &str) {
        self.read(ARGUMENT, text.as_bytes());
    }

    /// Removes the endpoints of an expression; without a port it stands for every port of the host.
    pub fn exclude(&mut self, text: &str) {
        for token in tokens("--exclude", text.as_bytes(), &mut self.interner) {
            let added = token.and_then(|Token { position, text, .. }| {
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
        let shard = self.part.and_then(|part| part.shard);
        let shards = shard.map_or(1, |shard| shard.count().get() as usize);
        let max = self.max_hosts.saturating_mul(shards).min(u32::MAX as usize);
        if self.total > max as u128 {
            self.errors.push(Error {
                position: Position::default(),
                text: None,
                problem: Problem::TooMany {
                    count: self.total,
                    max,
                },
            });
        }
        if self.errors.is_empty() {
            Ok(Hosts::new(
                self.expressions,
                self.labels,
                self.exclusions,
                self.max_hosts,
                self.part,
            ))
        } else {
            Err(Errors(self.errors))
        }
    }
}

fn parsed(token: &Token) -> Result<Expression, Error> {
    Expression::parse(&token.text)
        .map_err(|problem| Error::new(token.position.clone(), &token.text, problem))
}
