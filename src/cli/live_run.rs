//! The JSON Lines of a survey that is under way.

use std::io;

use labrpc::{
    report::{Answer, Report, RunInfo, Topic, jsonl::RunLines, saved::Saved},
    survey::outcome::EndpointResult,
};

use crate::cli::{
    feed::Feed,
    report_args::{Fed, Outputs},
};

/// Writes each endpoint's line when the endpoint is decided, to every output that takes JSON Lines.
pub(crate) struct LiveRun {
    lines: RunLines,
    /// For each output the way to it, if it takes JSON Lines.
    feeds: Vec<Option<Feed>>,
    text: Vec<u8>,
}

impl LiveRun {
    /// Writes the beginning; `None` if no output takes lines.
    pub(crate) fn begin(
        outputs: &Outputs,
        topic: &Topic,
        run: &RunInfo,
        round: &Saved,
    ) -> Option<Self> {
        let feeds = outputs.feeds();
        if feeds.iter().all(Option::is_none) {
            return None;
        }
        let mut text = io::BufWriter::with_capacity(1 << 16, ToFeeds(&feeds));
        // A feed takes everything.
        let lines = RunLines::begin(topic, run, &round.hosts, &mut text);
        let _ = io::Write::flush(&mut text);
        drop(text);
        let mut live = Self {
            lines: lines.ok()?,
            feeds,
            text: Vec::new(),
        };
        for (index, result) in round.answered() {
            live.add(round, index, result);
        }
        Some(live)
    }

    /// Writes the line of an endpoint.
    pub(crate) fn add(&mut self, round: &Saved, index: usize, result: &EndpointResult<Answer>) {
        self.text.clear();
        let _ = self
            .lines
            .endpoint(&round.hosts, index, result, &mut self.text);
        for feed in self.feeds.iter().flatten() {
            feed.add(&self.text);
        }
    }

    /// Writes the end, and returns for each output that took lines whether all could be written.
    pub(crate) fn end(self, report: &Report) -> Fed {
        let mut text = io::BufWriter::with_capacity(1 << 16, ToFeeds(&self.feeds));
        let _ = self.lines.end(report, &mut text);
        let _ = io::Write::flush(&mut text);
        drop(text);
        let feeds = self.feeds.into_iter();
        feeds.map(|feed| feed.map(Feed::finish)).collect()
    }
}

struct ToFeeds<'a>(&'a [Option<Feed>]);

impl io::Write for ToFeeds<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.iter().flatten().for_each(|feed| feed.add(text));
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
