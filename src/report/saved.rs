//! The endpoints of a survey with what is known of them, to ask those that have no answer.

use std::time::Duration;

use crate::{
    report::{answer::Answer, model::Survey},
    survey::{
        self,
        hosts::{self, Hosts},
        outcome::{EndpointResult, Outcome},
        resolve::look_up,
    },
};

/// The endpoints of saved runs, each with the best that is known of it, or those of a survey that begins.
#[derive(Clone, Debug)]
pub struct Saved {
    /// All endpoints, in the order of their list.
    pub hosts: Hosts,
    /// What is known of each; empty for a survey that begins.
    known: Vec<Option<EndpointResult<Answer>>>,
    /// Which endpoints have to be asked, of one that goes on.
    to_ask: Vec<u32>,
}

impl From<Hosts> for Saved {
    /// Endpoints of which nothing is known.
    fn from(hosts: Hosts) -> Self {
        Self {
            hosts,
            known: Vec::new(),
            to_ask: Vec::new(),
        }
    }
}

impl Saved {
    pub(super) fn new(hosts: Hosts, mut known: Vec<Option<EndpointResult<Answer>>>) -> Self {
        let mut to_ask = Vec::new();
        for (index, known) in known.iter_mut().enumerate() {
            if let Some(outcome) = survey::without_attempt(&hosts, index) {
                *known = Some(EndpointResult::without_attempt(outcome));
            } else if !known.as_ref().is_some_and(is_answered) {
                to_ask.push(index as u32);
            }
        }
        Self {
            hosts,
            known,
            to_ask,
        }
    }

    /// The endpoints that have to be asked.
    #[must_use]
    pub fn to_ask(&self) -> Hosts {
        if self.known.is_empty() {
            return self.hosts.clone();
        }
        let indices = self.to_ask.iter();
        indices
            .map(|index| self.hosts.get(*index as usize))
            .collect()
    }

    /// The index in [`Self::hosts`] of one of the endpoints to ask.
    #[must_use]
    pub fn index(&self, asked: usize) -> usize {
        match self.known.is_empty() {
            true => asked,
            false => self.to_ask[asked] as usize,
        }
    }

    /// The results of the endpoints that are not asked, each with its index.
    pub fn answered(&self) -> impl Iterator<Item = (usize, &EndpointResult<Answer>)> {
        let mut to_ask = self.to_ask.iter().map(|index| *index as usize).peekable();
        let known = self.known.iter().enumerate();
        known.filter_map(move |(index, known)| match to_ask.next_if_eq(&index) {
            Some(_) => None,
            None => Some((index, known.as_ref()?)),
        })
    }

    /// The result of an endpoint that was asked: what was known of one that was not reached.
    #[must_use]
    pub fn result(&self, index: usize, new: EndpointResult<Answer>) -> EndpointResult<Answer> {
        match (&new.outcome, self.known.get(index)) {
            (Outcome::Cancelled, Some(Some(known))) => known.clone(),
            _ => new,
        }
    }

    /// The same after a pause.
    pub async fn resolve_after(&self, pause: Duration, limit: Duration) -> Self {
        tokio::time::sleep(pause).await;
        self.resolve(limit).await
    }

    /// The run with an endpoint for every address of each name that did not resolve before; see [`survey::resolve()`].
    pub async fn resolve(&self, limit: Duration) -> Self {
        if self.known.is_empty() {
            return Self::from(survey::resolve(&self.hosts, limit).await);
        }
        let addresses = look_up(&self.hosts, limit).await;
        if addresses.is_empty() {
            return self.clone();
        }
        let hosts = self.hosts.resolved(&addresses);
        let old = self.hosts.iter().zip(&self.known);
        let known = old.flat_map(|(endpoint, known)| {
            let count = hosts::resolved_len(&endpoint, &addresses);
            std::iter::repeat_n(known.clone(), count)
        });
        Self::new(hosts, known.collect())
    }

    /// Fills in the results of [`Self::to_ask`], in the same order.
    #[must_use]
    pub fn merge(self, new: Vec<EndpointResult<Answer>>) -> Survey {
        if self.known.is_empty() {
            return Survey {
                hosts: self.hosts,
                answers: new,
            };
        }
        let mut known = self.known;
        for (index, new) in self.to_ask.into_iter().zip(new) {
            let known = &mut known[index as usize];
            if known.is_none() || new.outcome != Outcome::Cancelled {
                *known = Some(new);
            }
        }
        let unasked = || EndpointResult::without_attempt(Outcome::Cancelled);
        let answers = known.into_iter().map(|known| known.unwrap_or_else(unasked));
        Survey {
            answers: answers.collect(),
            hosts: self.hosts,
        }
    }
}

fn is_answered(result: &EndpointResult<Answer>) -> bool {
    matches!(result.outcome, Outcome::Ok { .. })
}
