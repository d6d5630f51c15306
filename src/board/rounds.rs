//! One survey after another, and their results so far as snapshots.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use askama::Template as _;
use bytes::Bytes;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    board::config::Config,
    question::GetProfile,
    report::{
        Answer, Pseudonyms, Report, RunInfo, Survey, Topic,
        html::{self, Live, View},
    },
    survey::{
        self,
        hosts::Hosts,
        outcome::{EndpointResult, Outcome},
        question::Question,
    },
};

const SCRIPT: &str = include_str!("../../templates/board.js");

/// Shortest time between two snapshots of one round, so that a page changes a few times a second at most.
const MIN_REDRAW: Duration = Duration::from_millis(200);

/// Shortest pause between two rounds, for rounds that take longer than the interval.
const MIN_PAUSE: Duration = Duration::from_millis(100);

/// What browsers are sent.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The whole page.
    pub(crate) page: Bytes,
    /// Its main part as a server-sent event.
    pub(crate) event: Bytes,
}

/// What does not change while a board runs.
pub(crate) struct Board {
    pub(crate) config: Config,
    pub(crate) pseudonyms: Option<Pseudonyms>,
}

impl Board {
    /// The snapshot before the first survey.
    pub(crate) fn first(&self) -> Snapshot {
        self.snapshot(&self.unasked())
    }

    /// The Content-Security-Policy of the page.
    pub(crate) fn policy(&self) -> String {
        html::policy(&self.unasked().findings, Some(&self.live()))
    }

    fn live(&self) -> Live<'static> {
        Live {
            script: SCRIPT,
            every: self.config.every,
        }
    }

    /// The report before the first survey.
    fn unasked(&self) -> Report {
        let Config { hosts, topic, .. } = &self.config;
        self.report(topic, SystemTime::now(), unasked(hosts))
    }

    fn report(&self, topic: &Topic, started: SystemTime, survey: Survey) -> Report {
        let run = RunInfo::since(started, self.config.arguments.clone());
        topic.report(run, survey)
    }

    /// Prepares the question of a new round. Of the distinct answers those are kept that endpoints still have: an
    /// answer that changes in every round would take more and more memory.
    fn renew(&self, topic: &mut Topic, known: &mut Survey) {
        let Topic::Answers(question, _) = topic else {
            return;
        };
        let results = known.answers.iter_mut();
        *question = question.renewed(results.filter_map(|result| match &mut result.outcome {
            Outcome::Ok {
                answer: Answer::Interned(id),
                ..
            } => Some(id),
            _ => None,
        }));
        if let Some(metadata) = self.config.metadata.as_ref().and_then(|read| read()) {
            question.metadata = metadata;
        }
    }

    fn snapshot(&self, report: &Report) -> Snapshot {
        let view = View {
            pseudonyms: self.pseudonyms.as_ref(),
            title: self.config.title.as_deref(),
            live: true,
        };
        // Writing to memory does not fail. If it did, the page would be empty.
        let main = html::main(report, &view).unwrap_or_default();
        let page = html::page(report, &view, &main, Some(self.live()))
            .render()
            .unwrap_or_default();
        Snapshot {
            page: Bytes::from(page),
            event: event(&main),
        }
    }
}

/// A survey before its first answer.
fn unasked(hosts: &Hosts) -> Survey {
    let answers = (0..hosts.len()).map(|index| {
        let outcome = survey::without_attempt(hosts, index);
        EndpointResult::without_attempt(outcome.unwrap_or(Outcome::Cancelled))
    });
    Survey {
        hosts: hosts.clone(),
        answers: answers.collect(),
    }
}

/// The survey of a new round before its first answer: each endpoint keeps the one of the round before.
fn next_round(last: Survey, hosts: &Hosts) -> Survey {
    if hosts.is(&last.hosts) {
        return last;
    }
    let results = last.hosts.iter().zip(last.answers).enumerate();
    let unique = results.filter(|(index, _)| last.hosts.duplicate_of(*index).is_none());
    let mut known: HashMap<_, _> = unique.map(|(_, result)| result).collect();
    let mut next = unasked(hosts);
    for (endpoint, answer) in hosts.iter().zip(&mut next.answers) {
        if matches!(answer.outcome, Outcome::Cancelled)
            && let Some(last) = known.remove(&endpoint)
        {
            *answer = last;
        }
    }
    next
}

/// Replaces the last answer of an endpoint. Before its first server an endpoint refuses connections, or its machine is
/// off: that is no failure yet.
fn update(last: &mut EndpointResult<Answer>, next: EndpointResult<Answer>) {
    let is_absent = matches!(next.outcome, Outcome::Refused | Outcome::Unreachable);
    if !(is_absent && matches!(last.outcome, Outcome::Cancelled)) {
        *last = next;
    }
}

/// A server-sent event (HTML standard, 9.2): each line of the text with a `data:` in front.
fn event(text: &str) -> Bytes {
    let mut event = String::with_capacity(text.len() + 4096);
    // Milliseconds before a browser reconnects.
    event.push_str("retry: 1000\n");
    for line in text.split(['\n', '\r']) {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    Bytes::from(event)
}

/// Surveys without end.
pub(crate) async fn rounds(board: &Arc<Board>, snapshots: &watch::Sender<Snapshot>) -> Infallible {
    let Config {
        hosts,
        survey,
        every,
        ..
    } = &board.config;
    let mut last = unasked(hosts);
    let mut topic = board.config.topic.clone();
    let changed = Notify::new();
    loop {
        let (begun, started) = (Instant::now(), SystemTime::now());
        let hosts = survey::resolve(hosts, survey.max_time).await;
        // The last answer of each endpoint; this round replaces them one by one.
        let mut next = next_round(last, &hosts);
        board.renew(&mut topic, &mut next);
        let known = Mutex::new(next);
        let observe = |index: usize, answer| {
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            update(&mut known.answers[index], answer);
            changed.notify_one();
        };
        let surveying = async {
            match &topic {
                Topic::Profiles(_) => ask(&hosts, &GetProfile, survey, observe).await,
                Topic::Answers(question, _) => ask(&hosts, question, survey, observe).await,
            }
        };
        let showing = async {
            loop {
                changed.notified().await;
                let drawing = Instant::now();
                show(board, snapshots, &topic, started, &known).await;
                // With thousands of endpoints drawing takes long: it gets a fifth of the time at most.
                sleep(MIN_REDRAW.max(4 * drawing.elapsed())).await;
            }
        };
        tokio::select! {
            () = surveying => {}
            () = showing => {}
        }
        show(board, snapshots, &topic, started, &known).await;
        last = known.into_inner().unwrap_or_else(PoisonError::into_inner);
        sleep_until((begun + *every).max(Instant::now() + MIN_PAUSE)).await;
    }
}

/// Asks all endpoints once.
async fn ask<Q>(
    hosts: &Hosts,
    question: &Q,
    config: &survey::Config,
    mut observe: impl FnMut(usize, EndpointResult<Answer>),
) where
    Q: Question,
    Answer: From<Q::Answer>,
{
    let observe = |index, answer: &EndpointResult<Q::Answer>| {
        observe(index, answer.clone().map(Answer::from));
    };
    survey::run(hosts, question, config, observe, pending()).await;
}

/// Draws the known answers, on a thread where that may block.
async fn show(
    board: &Arc<Board>,
    snapshots: &watch::Sender<Snapshot>,
    topic: &Topic,
    started: SystemTime,
    known: &Mutex<Survey>,
) {
    let survey = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (drawer, topic) = (Arc::clone(board), topic.clone());
    let draw = move || drawer.snapshot(&drawer.report(&topic, started, survey));
    let drawn = tokio::task::spawn_blocking(draw).await;
    if let Ok(snapshot) = drawn {
        snapshots.send_replace(snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::hosts::Builder;

    #[test]
    fn endpoint_keeps_its_answer_in_a_round_with_another_list() {
        let hosts = |text: &str| {
            let mut builder = Builder::default();
            builder.argument(text);
            builder.build().unwrap()
        };
        let mut last = unasked(&hosts("a,b,a,c"));
        for (answer, outcome) in last
            .answers
            .iter_mut()
            .zip([Outcome::Reset { json_began: false }, Outcome::Refused])
        {
            answer.outcome = outcome;
        }
        let next = next_round(last.clone(), &hosts("d,b,c,d,a"));
        let names: Vec<_> = next.answers.iter().map(|a| a.outcome.name()).collect();
        let expected = [
            "cancelled",
            "refused",
            "cancelled",
            "duplicate_line",
            "reset",
        ];
        assert_eq!(names, expected);
        assert_eq!(next.hosts.len(), 5);
        let same = next_round(next.clone(), &next.hosts);
        assert_eq!(same.answers[1].outcome.name(), "refused");
    }

    #[test]
    fn absent_endpoint_has_failed_only_after_it_has_answered() {
        let result = |outcome| EndpointResult::without_attempt(outcome);
        let mut last = result(Outcome::Cancelled);
        for (outcome, shown) in [
            (Outcome::Refused, "cancelled"),
            (Outcome::Unreachable, "cancelled"),
            (Outcome::Reset { json_began: false }, "reset"),
            (Outcome::Refused, "refused"),
        ] {
            update(&mut last, result(outcome));
            assert_eq!(last.outcome.name(), shown);
        }
    }

    #[test]
    fn every_line_of_an_event_is_data() {
        let event = event("a\n\nretry: 1\rdata: b");
        assert_eq!(
            event,
            "retry: 1000\ndata: a\ndata: \ndata: retry: 1\ndata: data: b\n\n"
        );
    }
}
