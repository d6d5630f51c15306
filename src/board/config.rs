//! The settings of a board.

use std::time::Duration;

use tonic::metadata::MetadataMap;

use crate::{
    report::Topic,
    similarity,
    survey::{self, hosts::Hosts},
};

/// Reads the metadata that are sent with every call of a round.
pub type ReadMetadata = Box<dyn Fn() -> Option<MetadataMap> + Send + Sync>;

/// A board.
pub struct Config {
    /// The endpoints to survey.
    pub hosts: Hosts,
    /// How they are surveyed.
    pub survey: survey::Config,
    /// What they are asked, and what is shown of the answers.
    pub topic: Topic,
    /// Reads the metadata of a new round; `None` keeps that of the round before.
    pub metadata: Option<ReadMetadata>,
    /// The command line, which the page shows.
    pub arguments: Vec<String>,
    /// From the start of one survey to the start of the next, unless one takes longer.
    pub every: Duration,
    /// Show pseudonyms instead of ids, and no heights, weights and sizes.
    pub anonymous: bool,
    /// What the board is about, above its headline.
    pub title: Option<String>,
    /// Browsers served at the same time. Further ones get a 503 and may retry later.
    pub browsers: usize,
    /// The same from one address. The last quarter of all is for addresses that hold few.
    pub browsers_per_address: usize,
    /// How long a browser may take to send its request, and to read anything of what it is sent.
    pub client_timeout: Duration,
}

impl Config {
    /// The defaults: a survey every two seconds, everything shown, 256 browsers.
    #[must_use]
    pub fn new(hosts: Hosts) -> Self {
        Self {
            hosts,
            survey: survey::Config::default(),
            topic: Topic::Profiles(similarity::Options::default()),
            metadata: None,
            arguments: Vec::new(),
            every: Duration::from_secs(2),
            anonymous: false,
            title: None,
            browsers: 256,
            // A class behind one address translator.
            browsers_per_address: 128,
            client_timeout: Duration::from_secs(20),
        }
    }
}
