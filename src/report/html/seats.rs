//! The room as a map: every endpoint in the order of the addresses, with the category of its outcome.

use crate::{
    report::{
        category::category,
        format::{grouped, plural},
        html::{
            blocks::{Block, BlockSize},
            mark::SeatMark,
            place::{CommonParts, Place, range},
        },
        model::Survey,
        view::View,
    },
    survey::outcome::OutcomeKind,
};

/// Seats drawn one by one; more become blocks of consecutive addresses.
const MAX_SEATS: usize = 1000;

/// Seats up to which the room is drawn as large as one screen allows.
const MAX_LARGE: usize = 48;

/// The narrowest and the widest seat, in digits.
const WIDTHS: [usize; 2] = [12, 32];

/// The width of a seat's icon, in digits.
const ICON: usize = 3;

/// The map.
pub(super) struct SeatMap {
    pub(super) title: &'static str,
    /// What is drawn, in one line.
    pub(super) about: String,
    pub(super) seats: Vec<Seat>,
    /// The width of every seat, in digits.
    pub(super) width: usize,
    pub(super) is_large: bool,
    /// Instead of seats where there are too many.
    pub(super) blocks: Vec<Block>,
    /// What an endpoint is called when it is as it should be.
    pub(super) good: &'static str,
}

/// The words of a map.
pub(super) struct SeatWords {
    pub(super) title: &'static str,
    /// What one endpoint is called.
    pub(super) seat: &'static str,
    /// What it is called when it is as it should be.
    pub(super) good: &'static str,
    /// What a seat shows beside its address and outcome, as the end of a sentence.
    pub(super) content: String,
}

/// One endpoint.
pub(super) struct Seat {
    /// Its line in the host list, from 1.
    pub(super) line: usize,
    /// What is written of the address: before its last number, that number, and what follows.
    pub(super) address: [String; 3],
    pub(super) look: SeatLook,
}

/// What a seat shows beside its address.
pub(super) struct SeatLook {
    pub(super) mark: SeatMark,
    pub(super) word: String,
    pub(super) name: Option<String>,
    /// What was measured, without units.
    pub(super) values: Vec<String>,
    /// The letters of the most alike pairs that it belongs to.
    pub(super) letters: Option<String>,
}

impl SeatLook {
    /// A seat without an answer to show.
    pub(super) fn of_outcome(outcome: OutcomeKind) -> Self {
        let (category, word) = category(outcome);
        Self {
            mark: SeatMark::Outcome(category),
            word: word.to_owned(),
            name: None,
            values: Vec::new(),
            letters: None,
        }
    }
}

impl SeatMap {
    /// A map of the endpoints, each as `look` shows it; `mark` is its mark alone.
    pub(super) fn new(
        survey: &Survey,
        view: &View<'_>,
        words: SeatWords,
        mark: impl Fn(usize) -> SeatMark,
        look: impl Fn(usize) -> SeatLook,
    ) -> Self {
        let Survey { hosts, answers } = survey;
        let mut places: Vec<(Place, usize)> = (0..answers.len())
            // A duplicate line is drawn at its first occurrence only.
            .filter(|&index| hosts.duplicate_of(index).is_none())
            .map(|index| (Place::from(hosts.get(index)), index))
            .collect();
        places.sort_unstable();
        let total = places.len();
        let common = CommonParts::of(places.iter().map(|(place, _)| place));
        let (mut seats, mut blocks) = (Vec::new(), Vec::new());
        let about = if total > MAX_SEATS {
            let size = BlockSize::of(total);
            blocks.extend(places.chunks(size.endpoints()).map(|block| {
                let marks: Vec<_> = block.iter().map(|(_, index)| mark(*index)).collect();
                let ends = range(&common, &block[0].0, &block[block.len() - 1].0);
                Block::new(&marks, &size, ends)
            }));
            // On a live page blocks keep their places.
            if !view.live {
                blocks.sort_by_key(|block| std::cmp::Reverse(block.total - block.good));
            }
            let order = match view.live {
                true => "in the order of their addresses",
                false => "those with the most failures first",
            };
            let (total, count) = (grouped(total as u64), plural(blocks.len(), "block"));
            let cell = size.cell();
            format!(
                "{total} endpoints{}, in {count} of neighbours, {order}; {cell}.",
                common.sentence()
            )
        } else {
            seats.extend(places.iter().map(|(place, index)| Seat {
                line: index + 1,
                address: common.shorten(place),
                look: look(*index),
            }));
            let count = plural(total, words.seat);
            format!("{count}{}{}.", common.sentence(), words.content)
        };
        Self {
            title: words.title,
            about,
            width: width(&seats),
            seats,
            is_large: total <= MAX_LARGE,
            blocks,
            good: words.good,
        }
    }
}

/// The width in digits that all seats need so that no number or id is broken. It is even: the style sheet has a class
/// for each.
fn width(seats: &[Seat]) -> usize {
    let characters = |text: &str| text.chars().count();
    let needed = seats.iter().map(|seat| {
        let [before, number, after] = &seat.address;
        let address = [before, number, after].map(|part| characters(part));
        // The number is a quarter larger than the rest.
        let address = address[0] + (5 * address[1]).div_ceil(4) + address[2];
        let letters = seat
            .look
            .letters
            .as_deref()
            .map_or(0, |letters| 2 + characters(letters));
        let name = seat.look.name.as_deref().unwrap_or_default();
        let words = name.split_whitespace().map(characters);
        words.max().unwrap_or(0).max(address + letters + ICON)
    });
    let [least, most] = WIDTHS;
    let needed = needed.max().unwrap_or(0);
    needed.next_multiple_of(2).clamp(least, most)
}
