//! Letters for the most alike, so that a reader finds the same pair in the room, in the plot and in the lists.

use std::collections::HashMap;

use crate::{
    report::model::RankedPeople,
    similarity::{Pair, Twins},
};

/// Pairs or groups with a letter; with more of them a whole room would be marked.
const MAX_LETTERS: usize = 8;

/// The letters of people: one for each pair, or for each group of identical people.
pub(super) struct Letters<'a> {
    /// The pairs that have a letter.
    pub(super) pairs: Vec<(char, &'a Pair)>,
    of_person: HashMap<usize, String>,
    /// Letters that are given.
    pub(super) count: usize,
    /// Whether there were more pairs or groups than letters.
    pub(super) is_cut: bool,
}

impl<'a> Letters<'a> {
    /// Letters for these pairs, in their order.
    pub(super) fn new(ranked: &RankedPeople, pairs: impl Iterator<Item = &'a Pair>) -> Self {
        let mut letters = Self {
            pairs: Vec::new(),
            of_person: HashMap::new(),
            count: 0,
            is_cut: false,
        };
        let mut groups: HashMap<usize, char> = HashMap::new();
        for pair in pairs {
            let people = [pair.a, pair.b];
            let is_identical = ranked.are_identical(pair);
            let group = people.iter().find_map(|person| groups.get(person)).copied();
            let letter = match group.filter(|_| is_identical) {
                Some(letter) => letter,
                None => match ('A'..).nth(letters.count) {
                    Some(letter) if letters.count < MAX_LETTERS => {
                        letters.count += 1;
                        letter
                    }
                    _ => {
                        letters.is_cut = true;
                        continue;
                    }
                },
            };
            for person in people {
                let text = letters.of_person.entry(person).or_default();
                if !text.contains(letter) {
                    text.push(letter);
                }
                if is_identical {
                    groups.insert(person, letter);
                }
            }
            letters.pairs.push((letter, pair));
        }
        letters
    }

    /// The letters of a person.
    pub(super) fn of_person(&self, person: usize) -> Option<&str> {
        self.of_person.get(&person).map(String::as_str)
    }

    /// The letter of a group of identical people.
    pub(super) fn of_group(&self, group: &Twins) -> Option<&str> {
        self.of_person(*group.people.first()?)
    }

    /// The letter of a pair.
    pub(super) fn of_pair(&self, pair: &Pair) -> Option<char> {
        let same = |other: &Pair| (other.a, other.b) == (pair.a, pair.b);
        let mut pairs = self.pairs.iter();
        pairs.find_map(|(letter, other)| same(other).then_some(*letter))
    }
}
