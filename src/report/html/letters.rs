//! Letters for the most alike, so that a reader finds the same pair in the room, in the plot and in the lists.

use std::collections::HashMap;

use crate::{
    report::ranked::RankedPeople,
    similarity::{Pair, Twins},
};

/// Pairs or groups with a letter; with more of them a whole room would be marked.
pub(super) const MAX_LETTERS: usize = 8;

/// The letters of people: one for each pair, or for each group of identical people.
#[derive(Default)]
pub(super) struct Letters {
    /// The pairs that have a letter; of a listed group two of its people.
    pub(super) pairs: Vec<(char, [usize; 2])>,
    of_person: HashMap<usize, String>,
    /// Letters that are given.
    count: usize,
    /// Whether there were more pairs or groups than letters.
    pub(super) is_cut: bool,
}

impl Letters {
    /// Letters for these pairs, in their order. The pairs of identical people share one.
    pub(super) fn of_pairs<'a>(
        ranked: &RankedPeople,
        pairs: impl Iterator<Item = &'a Pair>,
    ) -> Self {
        let mut letters = Self::default();
        let mut groups: HashMap<usize, char> = HashMap::new();
        for pair in pairs {
            let people = [pair.a, pair.b];
            let is_identical = ranked.are_identical(pair);
            let group = people.iter().find_map(|person| groups.get(person)).copied();
            let group = group.filter(|_| is_identical);
            if let Some(letter) = group.or_else(|| letters.next()) {
                letters.give(letter, &people);
                letters.pairs.push((letter, people));
                if is_identical {
                    groups.extend(people.map(|person| (person, letter)));
                }
            }
        }
        letters
    }

    /// Letters for these groups, in their order.
    pub(super) fn of_groups(groups: &[Twins]) -> Self {
        let mut letters = Self::default();
        for group in groups {
            if let [a, b, ..] = *group.people
                && let Some(letter) = letters.next()
            {
                letters.give(letter, &group.people);
                letters.pairs.push((letter, [a, b]));
            }
        }
        letters
    }

    fn next(&mut self) -> Option<char> {
        let letter = ('A'..).nth(self.count).filter(|_| self.count < MAX_LETTERS);
        match letter {
            Some(_) => self.count += 1,
            None => self.is_cut = true,
        }
        letter
    }

    fn give(&mut self, letter: char, people: &[usize]) {
        for person in people {
            let text = self.of_person.entry(*person).or_default();
            if !text.contains(letter) {
                text.push(letter);
            }
        }
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
        let mut pairs = self.pairs.iter();
        pairs.find_map(|(letter, people)| (*people == [pair.a, pair.b]).then_some(*letter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::subjects::Subjects,
        similarity::{Options, rank},
    };

    fn letters(people: &[(u16, &str)]) -> Vec<Option<String>> {
        let people: Vec<_> = (people.iter().enumerate())
            .map(|(index, (height, size))| {
                let text = format!(
                    r#"{{"id":"{index:02}","height":{height},"weight":60,"size":"{size}"}}"#
                );
                serde_json::from_str(&text).unwrap()
            })
            .collect();
        let options = Options::default();
        let ranked = RankedPeople {
            ranking: rank(&people, &options),
            options,
            seat_of: Vec::new(),
            counts: Vec::new(),
            method: None,
            people: Subjects::People(people),
        };
        let letters = Letters::of_pairs(&ranked, ranked.ranking.first_place());
        let people = 0..ranked.people.len();
        people
            .map(|person| letters.of_person(person).map(str::to_owned))
            .collect()
    }

    #[test]
    fn each_pair_has_a_letter_and_a_group_shares_one() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            letters(&[(150, "S"), (152, "S"), (154, "S"), (190, "S")]),
            [some("A"), some("AB"), some("B"), None]
        );
        assert_eq!(
            letters(&[(150, "S"), (160, "S"), (150, "S"), (150, "S"), (160, "S")]),
            [some("A"), some("B"), some("A"), some("A"), some("B")]
        );
    }

    #[test]
    fn letters_are_few() {
        let people: Vec<_> = (0..30).map(|index| (150 + index, "M")).collect();
        let given = letters(&people);
        assert_eq!(given.iter().flatten().count(), 9);
        assert_eq!(given[8].as_deref(), Some("H"));
    }
}
