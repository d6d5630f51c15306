//! How to rank: by which fields, and what to list.

use std::{num::NonZeroUsize, thread};

use clap::Args;
use labrpc::{
    path::PathPattern,
    report::{CompareOptions, FeatureSpec, Selection, Topic},
    similarity::{MAX_AXES, Metric, Options, Weights},
};

use crate::cli::{
    exit::Failure,
    flag_scope,
    values::{self, Named},
};

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = flag_scope::RANKING)]
pub(crate) struct RankingArgs {
    /// Rank by this field instead of the profile's: of the answers of --method, or of the columns of a file. A number,
    /// duration or time is compared over the range, or over the values that occur; any other value is equal or not.
    /// Repeatable, up to 8 times.
    #[arg(long, value_name = "PATH[=LO..HI]")]
    feature: Vec<FeatureSpec>,
    /// Take the ids from this field [default: the endpoint; of files, the column id or endpoint].
    #[arg(long, value_name = "PATH", requires = "feature")]
    id: Option<PathPattern>,
    /// Show this many of those whose nearest is farthest, with the fields that differ.
    #[arg(long, value_name = "N", value_parser = values::whole(0_usize), default_value_t = 0, hide_default_value = true, env = "LABRPC_OUTLIERS")]
    outliers: usize,
    /// Show the people who are nearest to the one with this id.
    #[arg(long, value_name = "ID", env = "LABRPC_LIKE")]
    like: Option<String>,
    /// Show this many pairs, or with --like this many people; pairs that tie for the first place are shown as well, in a
    /// table up to 10 of them; 0 counts them without a list [default: 1; with --like or an HTML page 10].
    #[arg(long, value_name = "N", value_parser = values::whole(0_usize), env = "LABRPC_TOP")]
    top: Option<usize>,
    /// Compare people by this metric: gower (fixed ranges), euclidean (z-scored) or mahalanobis (whitened).
    ///
    /// With gower the distance of two people depends on these two alone. The others are there for comparison: they are
    /// scaled by all people who answered, so that one typing error, or a few absent machines, can change who is nearest
    /// to whom.
    #[arg(
        long,
        value_name = "METRIC",
        default_value = "gower",
        value_parser = Named::<Metric>::new(Metric::ALL.map(Metric::name)),
        hide_possible_values = true,
        env = "LABRPC_METRIC"
    )]
    metric: Metric,
    /// Weight the fields by these factors [default: 1 each].
    #[arg(long, value_name = "FIELD=X,…", env = "LABRPC_WEIGHTS")]
    weights: Option<String>,
}

impl RankingArgs {
    /// Whom others are compared with.
    pub(crate) fn like(&self) -> Option<&str> {
        self.like.as_deref()
    }

    /// Whether anything but people is ranked.
    pub(crate) fn ranks_items(&self) -> bool {
        !self.feature.is_empty()
    }

    /// What is ranked by which fields, if it is not people.
    pub(crate) fn selection(&self) -> Option<Selection> {
        self.ranks_items().then(|| Selection {
            id: self.id.clone(),
            features: self.feature.clone(),
        })
    }

    /// What is made of the answers: profiles are ranked, and others are compared, or ranked by their fields.
    ///
    /// # Errors
    /// When a field does not exist.
    pub(crate) fn topic(&self, compared: Option<Topic>, has_page: bool) -> Result<Topic, Failure> {
        match (compared, self.selection()) {
            (None, None) => Ok(Topic::Profiles(self.options(has_page)?)),
            (Some(Topic::Answers(question, options)), Some(mut selection)) => {
                let features = selection.features.iter_mut();
                let paths = features.map(|feature| &mut feature.path);
                for path in paths.chain(&mut selection.id) {
                    *path = question.method.resolve(path)?;
                }
                let ranking = Some((selection, self.options(has_page)?));
                Ok(Topic::Answers(question, CompareOptions { ranking, ..options }))
            }
            (Some(topic), _) => Ok(topic),
            (None, Some(_)) => Err(Failure::usage(
                "--feature is for the answers of a method, and profiles are ranked by all their fields",
            )
            .hint("add --method package.Service/Method, or give --weights instead")),
        }
    }

    /// # Errors
    /// When the flags contradict each other.
    pub(crate) fn options(&self, has_page: bool) -> Result<Options, Failure> {
        let names = || self.feature.iter().map(|feature| feature.name.as_str());
        if self.feature.len() > MAX_AXES {
            return Err(Failure::usage(format_args!(
                "--feature is given {} times, and at most {MAX_AXES} fields can be ranked by",
                self.feature.len()
            )));
        }
        if let Some(twice) = names()
            .enumerate()
            .find(|(at, name)| names().take(*at).any(|n| n == *name))
        {
            return Err(Failure::usage(format_args!(
                "--feature {} is given twice",
                twice.1
            )));
        }
        if self.ranks_items() && self.metric != Metric::Gower {
            return Err(Failure::usage("--metric is for profiles").hint(
                "leave it out; with --feature the distance is the mean of the fields' terms",
            ));
        }
        let text = self.weights.as_deref().unwrap_or_default();
        let weights = match self.ranks_items() {
            true => Weights::parse(text, names()),
            false => text.parse(),
        };
        let weights = weights.map_err(|error| {
            Failure::usage(format_args!(
                "invalid value '{text}' for '--weights <FIELD=X,…>': {error}"
            ))
        })?;
        // A page has space for more, and --like asks for a list.
        let many = self.like.is_some() || has_page;
        let top = self.top.unwrap_or(if many { 10 } else { 1 });
        // --like is about its list.
        let top = top.max(usize::from(self.like.is_some()));
        Ok(Options {
            metric: self.metric,
            weights,
            top,
            like: self.like.clone(),
            per_person: false,
            twins: false,
            outliers: self.outliers,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        })
    }
}
