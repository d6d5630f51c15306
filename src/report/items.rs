//! Anything that is ranked by some of its fields: what `--feature` selects, of answers or of rows.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    report::feature::{FeatureKind, FeatureSpec, Reading, Selection, shown, text_at},
    similarity::{Feature, Item, Options, Ranking, rank_items},
};

/// Things with their values of the same fields.
#[derive(Clone, Debug)]
pub struct ItemTable {
    ids: Vec<Box<str>>,
    /// The fields, in the order of the command line.
    pub fields: Vec<ItemField>,
    /// A row of cells for each item.
    cells: Vec<ItemCell>,
    texts: Vec<Box<str>>,
}

/// A field of all items.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemField {
    /// Its name.
    pub name: String,
    /// The kind of its values.
    pub kind: FeatureKind,
    /// The values that count as farthest apart; `None` for a category, and if there are none.
    pub range: Option<[f64; 2]>,
    /// Whether these are those that occur.
    pub is_observed: bool,
    /// How many items have no value of it.
    pub missing: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum ItemCell {
    Missing,
    Number(FeatureKind, f64),
    /// The number of a text.
    Text(u32),
}

/// Collects items whose kinds of values are not known yet.
#[derive(Debug)]
pub(crate) struct ItemTableBuilder {
    features: Vec<FeatureSpec>,
    ids: Vec<Box<str>>,
    cells: Vec<ItemCell>,
    texts: Texts,
}

/// Each distinct text once.
#[derive(Debug, Default)]
struct Texts {
    numbers: HashMap<Box<str>, u32>,
    list: Vec<Box<str>>,
}

impl Texts {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.list.len() as u32;
        self.numbers.insert(text.into(), number);
        self.list.push(text.into());
        number
    }
}

impl ItemTableBuilder {
    pub(crate) fn new(features: Vec<FeatureSpec>) -> Self {
        Self {
            features,
            ids: Vec::new(),
            cells: Vec::new(),
            texts: Texts::default(),
        }
    }

    /// Adds what a document has of the features.
    pub(crate) fn push_document(&mut self, id: &str, selection: &Selection, document: &Json) {
        let features = selection.features.iter();
        let texts = features.map(|feature| text_at(&feature.path, document));
        self.push(id, texts);
    }

    /// Adds an item with a text for each feature.
    pub(crate) fn push<T: AsRef<str>>(&mut self, id: &str, texts: impl Iterator<Item = Option<T>>) {
        self.ids.push(id.into());
        for (feature, text) in self.features.iter().zip(texts) {
            let text = text.as_ref().map(AsRef::as_ref);
            let is_in_range = |kind: FeatureKind| match feature.range {
                Some((range, _)) => kind == range,
                None => true,
            };
            self.cells.push(match text.and_then(Reading::of) {
                Some(Reading::Number(kind, number)) if is_in_range(kind) => {
                    ItemCell::Number(kind, number)
                }
                Some(Reading::Text(text)) if is_in_range(FeatureKind::Category) => {
                    ItemCell::Text(self.texts.number(text))
                }
                // A range says of which kind the values are.
                _ => ItemCell::Missing,
            });
        }
    }

    /// Decides on the kind of each field: that of its values if they have one, and otherwise a category.
    pub(crate) fn finish(mut self) -> ItemTable {
        let width = self.features.len();
        let features = std::mem::take(&mut self.features);
        let fields = features.into_iter().enumerate().map(|(index, feature)| {
            let mut column: Vec<_> = self.cells.iter_mut().skip(index).step_by(width).collect();
            let kind = feature
                .range
                .map_or_else(|| kind(&column), |(kind, _)| kind);
            let mut ends: Option<[f64; 2]> = None;
            let mut missing = 0;
            for cell in &mut column {
                match **cell {
                    ItemCell::Missing => missing += 1,
                    ItemCell::Number(own, number) if kind == FeatureKind::Category => {
                        **cell = ItemCell::Text(self.texts.number(&shown(own, number)));
                    }
                    ItemCell::Number(_, number) => {
                        let [least, most] = ends.unwrap_or([number; 2]);
                        ends = Some([least.min(number), most.max(number)]);
                    }
                    ItemCell::Text(_) => {}
                }
            }
            ItemField {
                name: feature.name,
                kind,
                range: feature.range.map(|(_, ends)| ends).or(ends),
                is_observed: feature.range.is_none() && kind != FeatureKind::Category,
                missing,
            }
        });
        ItemTable {
            fields: fields.collect(),
            ids: self.ids,
            cells: self.cells,
            texts: self.texts.list,
        }
    }
}

struct ItemRow<'a> {
    table: &'a ItemTable,
    item: usize,
}

impl Item for ItemRow<'_> {
    fn id(&self) -> &str {
        self.table.id(self.item)
    }

    fn value(&self, axis: usize) -> Option<f64> {
        match self.table.row(self.item)[axis] {
            ItemCell::Missing => None,
            ItemCell::Number(_, number) => Some(number),
            ItemCell::Text(number) => Some(number.into()),
        }
    }
}

/// The kind that all values of a column have.
fn kind(column: &[&mut ItemCell]) -> FeatureKind {
    let mut kinds = column.iter().filter_map(|cell| match cell {
        ItemCell::Missing => None,
        ItemCell::Number(kind, _) => Some(*kind),
        ItemCell::Text(_) => Some(FeatureKind::Category),
    });
    let first = kinds.next().unwrap_or(FeatureKind::Category);
    match kinds.all(|kind| kind == first) {
        true => first,
        false => FeatureKind::Category,
    }
}

impl ItemTable {
    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of an item.
    #[must_use]
    pub fn id(&self, item: usize) -> &str {
        &self.ids[item]
    }

    fn row(&self, item: usize) -> &[ItemCell] {
        let width = self.fields.len();
        &self.cells[item * width..][..width]
    }

    /// The values of an item as texts, in the order of the fields.
    pub(crate) fn texts(&self, item: usize) -> impl Iterator<Item = Option<String>> {
        self.row(item).iter().map(|cell| match *cell {
            ItemCell::Missing => None,
            ItemCell::Number(kind, number) => Some(shown(kind, number)),
            ItemCell::Text(number) => Some(self.texts[number as usize].to_string()),
        })
    }

    /// The values of an item as a document has them.
    pub(crate) fn json(&self, item: usize) -> impl Iterator<Item = Json> {
        let numbers = self.row(item).iter().map(|cell| match *cell {
            ItemCell::Number(FeatureKind::Number, number) => Some(number),
            _ => None,
        });
        let values = numbers.zip(self.texts(item));
        values.map(|(number, text)| number.map_or_else(|| text.into(), Json::from))
    }

    /// Ranks the items by all their fields.
    pub(crate) fn rank(&self, options: &Options) -> Ranking {
        let axis = |field: &ItemField| match (field.kind, field.range) {
            (FeatureKind::Category, _) | (_, None) => Feature::Category,
            (_, Some([from, to])) => Feature::Number {
                low: from,
                high: to,
            },
        };
        let axes: Vec<_> = self.fields.iter().map(axis).collect();
        let rows = (0..self.len()).map(|item| ItemRow { table: self, item });
        rank_items(&rows.collect::<Vec<_>>(), &axes, options)
    }

    /// Whether two items have the same values.
    pub(crate) fn are_identical(&self, a: usize, b: usize) -> bool {
        self.row(a) == self.row(b)
    }
}
