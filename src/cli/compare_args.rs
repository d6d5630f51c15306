//! Arguments of the commands that compare answers: what counts, and what they are compared with.

use std::collections::BTreeSet;

use clap::Args;
use labrpc::{
    path::PathPattern,
    report::{CompareOptions, Topic},
    survey::{
        self,
        endpoint::{Address, Endpoint},
        hosts::{Hosts, exactly_one},
    },
};

use crate::cli::{
    exit::Failure,
    flag_scope::{self, Asked},
    question_args::{HEALTH_CHECK, QuestionArgs},
};

/// How answers are compared.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = flag_scope::COMPARISON)]
pub(crate) struct CompareArgs {
    /// Leave this field out of the comparison, with everything below it: limits.maxQps, items[].id. Repeatable.
    #[arg(long, value_name = "PATH", env = "LABRPC_IGNORE")]
    ignore: Vec<PathPattern>,
    /// Compare this field, with everything below it, and no other. Repeatable.
    #[arg(long, value_name = "PATH", env = "LABRPC_ONLY")]
    only: Vec<PathPattern>,
    /// Compare with the answer of this endpoint, instead of the most frequent answer.
    #[arg(long, value_name = "ENDPOINT", env = "LABRPC_REFERENCE")]
    reference: Option<String>,
    /// Compare only endpoints that have the same value of this label.
    #[arg(long, value_name = "LABEL", env = "LABRPC_GROUP_BY")]
    group_by: Option<String>,
    /// List this field for every endpoint: in CSV as a column, on the page at its mark. Repeatable.
    #[arg(long, value_name = "PATH", env = "LABRPC_FIELD")]
    field: Vec<PathPattern>,
}

impl CompareArgs {
    /// The first flag that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let Self {
            ignore,
            only,
            reference,
            group_by,
            field,
        } = self;
        let given = [
            ("--ignore", !ignore.is_empty()),
            ("--only", !only.is_empty()),
            ("--reference", reference.is_some()),
            ("--group-by", group_by.is_some()),
            ("--field", !field.is_empty()),
        ];
        let mut given = given.into_iter().filter(|(_, is_given)| *is_given);
        given.next().map(|(flag, _)| flag)
    }

    /// How the answers of saved runs are compared. Their fields have the names that the runs have.
    pub(crate) fn saved(&self, method: &str, hosts: &Hosts) -> Result<CompareOptions, Failure> {
        let reference = self.reference.as_deref();
        if let Some(label) = &self.group_by {
            must_be_known(label, hosts)?;
        }
        Ok(CompareOptions {
            ignore: self.ignore.clone(),
            only: self.only.clone(),
            reference: reference.map(|text| find(text, hosts)).transpose()?,
            group_by: self.group_by.clone(),
            fields: self.field.clone(),
            health: method == HEALTH_CHECK,
            ranking: None,
        })
    }

    /// The question of the arguments, and how its answers are compared; `None` for profiles.
    ///
    /// # Errors
    /// When the question cannot be asked, or a path, the reference or the label does not exist.
    pub(crate) async fn topic(
        &self,
        question: &QuestionArgs,
        hosts: &Hosts,
        config: &survey::Config,
    ) -> Result<Option<Topic>, Failure> {
        let asked = question.asked();
        if asked == Asked::Profile {
            return Ok(None);
        }
        let reference = self.reference.as_deref();
        let reference = reference.map(|text| find(text, hosts)).transpose()?;
        if let Some(label) = &self.group_by {
            must_be_known(label, hosts)?;
        }
        let question = question.question(hosts, config).await?;
        let resolve = |patterns: &[PathPattern]| -> Result<Vec<_>, Failure> {
            let mut resolved = Vec::new();
            for pattern in patterns {
                let pattern = question.method.resolve(pattern)?;
                // A field has two names, and columns of one name cannot be told apart.
                if !resolved.contains(&pattern) {
                    resolved.push(pattern);
                }
            }
            Ok(resolved)
        };
        let (ignore, only) = match asked {
            // The status alone is compared, whatever the variables name.
            Asked::Health => Default::default(),
            Asked::Method | Asked::Profile => (resolve(&self.ignore)?, resolve(&self.only)?),
        };
        if question.method.leaves_nothing(&ignore, &only) {
            return Err(nothing_left(&ignore, &only));
        }
        let options = CompareOptions {
            ignore,
            only,
            reference,
            group_by: self.group_by.clone(),
            fields: resolve(&self.field)?,
            health: asked == Asked::Health,
            ranking: None,
        };
        Ok(Some(Topic::Answers(question, options)))
    }
}

fn nothing_left(ignore: &[PathPattern], only: &[PathPattern]) -> Failure {
    let rules = |flag: &str, paths: &[PathPattern]| -> String {
        let rules = paths.iter().map(|path| format!(" {flag} {path}"));
        rules.collect()
    };
    let (only, ignore) = (rules("--only", only), rules("--ignore", ignore));
    Failure::usage(format_args!("nothing is left to compare by{only}{ignore}"))
        .hint("what --ignore names does not count, whether or not --only names it")
}

/// The endpoint that `--reference` names.
fn find(text: &str, hosts: &Hosts) -> Result<Endpoint, Failure> {
    let endpoint = exactly_one(text).map_err(Failure::usage)?;
    // It may be in another part.
    if hosts.part().is_some() || hosts.iter().any(|known| known == endpoint) {
        return Ok(endpoint);
    }
    let failure = Failure::usage(format_args!(
        "--reference {endpoint} is not among the endpoints"
    ));
    let same_host = |known: &Endpoint| match (&known.address, &endpoint.address) {
        (Address::Ip(known, _), Address::Ip(ip, _)) => known == ip,
        (Address::Name(known, _), Address::Name(name, _)) => known == name,
        _ => false,
    };
    Err(match hosts.iter().find(same_host) {
        Some(known) => failure.hint(format_args!("did you mean {known}?")),
        None => failure.hint("--list prints the endpoints"),
    })
}

/// Rejects the label of `--group-by` if no endpoint has it.
fn must_be_known(label: &str, hosts: &Hosts) -> Result<(), Failure> {
    let labels = (0..hosts.len()).filter_map(|index| hosts.labels(index));
    let known: BTreeSet<&str> = labels
        .flat_map(|labels| labels.iter().map(|(name, _)| name))
        .collect();
    if known.contains(label) || hosts.part().is_some() {
        return Ok(());
    }
    let failure = Failure::usage(format_args!(
        "--group-by {label}: no endpoint has this label"
    ));
    if known.is_empty() {
        return Err(failure.hint("labels come with --hosts from file_sd files and EndpointSlices"));
    }
    let known: Vec<_> = known.into_iter().take(MAX_LABELS).collect();
    Err(failure.hint(format_args!("there are {}", known.join(", "))))
}

/// Labels that are named in an error.
const MAX_LABELS: usize = 20;
