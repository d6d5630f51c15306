//! A report as CSV after RFC 4180, safe to open in a spreadsheet.
//!
//! CSV holds one table. Of a survey it is the endpoints; of a ranking it is the people nearest to one (`--like`), the
//! nearest neighbour of each (`--per-person`), the groups of identical people (`--twins`), or the closest pairs.

use std::io::{self, Write};

use serde_json::Value;

use crate::{
    profile::{Profile, names},
    report::{
        comparison::{CompareOptions, ComparedAnswers},
        model::{Findings, Input, Report, RunInfo},
        ranked::RankedPeople,
        run_format::{
            LikeLine, NearestLine, PairLine, TwinsLine, endpoints, pairs, per_person, twins,
        },
    },
    similarity::Ranking,
    untrusted::printable,
};

/// Writes `report` to `out`.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    // Every field is named, so that a new one does not compile until this format handles it or leaves it out.
    let Report {
        run:
            RunInfo {
                started: _,
                finished: _,
                arguments: _,
                settings: _,
            },
        input,
        findings,
    } = report;
    match findings {
        Findings::Ranking(ranked) => match input {
            Input::Survey(_) => endpoint_rows(&mut csv, report)?,
            Input::Files { .. } => ranking_rows(&mut csv, ranked)?,
        },
        Findings::Comparison(compared) => compared_rows(&mut csv, report, compared)?,
    }
    csv.flush()
}

fn ranking_rows<W: Write>(csv: &mut csv::Writer<W>, ranked: &RankedPeople) -> io::Result<()> {
    let RankedPeople {
        options,
        people: _,
        counts: _,
        method: _,
        seat_of: _,
        ranking:
            Ranking {
                pairs: _,
                smallest: _,
                tied: _,
                margin: _,
                duplicates: _,
                twins: _,
                twin_groups: _,
                per_person: _,
                like: _,
                outliers: _,
                incomparable: _,
            },
    } = ranked;
    if options.like.is_some() {
        let nearest = LikeLine::new(ranked).and_then(|like| like.nearest);
        pair_rows(csv, ranked, ["a", "b"], nearest.into_iter().flatten())
    } else if options.per_person {
        nearest_rows(csv, ranked)
    } else if options.twins {
        twins_rows(csv, ranked)
    } else if options.outliers > 0 {
        let outliers: Vec<_> = ranked.outliers().collect();
        let lines = outliers.iter().map(|pair| PairLine::new(ranked, pair));
        pair_rows(csv, ranked, ["id", "nearest"], lines)
    } else {
        pair_rows(csv, ranked, ["a", "b"], pairs(ranked))
    }
}

fn nearest_rows<W: Write>(csv: &mut csv::Writer<W>, ranked: &RankedPeople) -> io::Result<()> {
    csv.write_record(["id", "nearest", "distance"])?;
    for line in per_person(ranked) {
        let NearestLine {
            id,
            nearest,
            distance,
        } = line;
        csv.write_record([text(id), text(nearest), decimal(distance)])?;
    }
    Ok(())
}

fn twins_rows<W: Write>(csv: &mut csv::Writer<W>, ranked: &RankedPeople) -> io::Result<()> {
    let fields = ranked.people.fields().into_iter().map(text);
    let header = ["count".to_owned()].into_iter().chain(fields);
    csv.write_record(header.chain(["ids".to_owned()]))?;
    for line in twins(ranked) {
        let TwinsLine {
            count,
            profile,
            ids,
        } = line;
        let mut row = vec![number(count)];
        row.extend(profile.0.iter().map(|(_, value)| cell(value)));
        row.push(text(&ids.join(" ")));
        csv.write_record(row)?;
    }
    Ok(())
}

/// Pairs under the names of the two columns for their ids.
fn pair_rows<'a, W: Write>(
    csv: &mut csv::Writer<W>,
    ranked: &RankedPeople,
    ids: [&str; 2],
    pairs: impl Iterator<Item = PairLine<'a>>,
) -> io::Result<()> {
    let [a, b] = ids;
    let header = ["rank", a, b, "distance", "similarity"].map(str::to_owned);
    let fields = ranked.people.fields().into_iter().map(text);
    csv.write_record(header.into_iter().chain(fields))?;
    for PairLine {
        rank,
        a,
        b,
        distance,
        similarity,
        terms,
    } in pairs
    {
        let pair = [
            number(rank),
            text(a),
            text(b),
            decimal(distance),
            decimal(similarity),
        ];
        let terms = terms.0.iter();
        let terms = terms.map(|(_, term)| term.map_or_else(String::new, decimal));
        csv.write_record(pair.into_iter().chain(terms))?;
    }
    Ok(())
}

fn endpoint_rows<W: Write>(csv: &mut csv::Writer<W>, report: &Report) -> io::Result<()> {
    let header = ["line", "endpoint", "outcome", "detail", "dialect"];
    let header = header.into_iter().chain(names());
    csv.write_record(header.chain(["attempts", "elapsed_ms"]))?;
    for line in endpoints(report) {
        let mut row = vec![
            number(line.line),
            text(&line.endpoint),
            text(&line.outcome),
            text(&line.detail.unwrap_or_default()),
            line.dialect.map(number).unwrap_or_default(),
        ];
        match line.profile {
            Some(Profile { id, build }) => {
                row.push(text(id.as_str()));
                row.extend(build.decimals().map(|(_, value)| number(value)));
            }
            None => row.extend(names().map(|_| String::new())),
        }
        row.extend([number(line.attempts), decimal(line.elapsed_ms)]);
        csv.write_record(row)?;
    }
    Ok(())
}

/// The endpoints with their groups, and a column for each field that was asked for.
fn compared_rows<W: Write>(
    csv: &mut csv::Writer<W>,
    report: &Report,
    compared: &ComparedAnswers,
) -> io::Result<()> {
    let ComparedAnswers {
        method: _,
        options,
        hosts: _,
        comparison: _,
        reference: _,
        group_of: _,
        distinct: _,
    } = compared;
    let CompareOptions {
        ignore: _,
        only: _,
        reference: _,
        group_by,
        fields,
        health: _,
        ranking: _,
    } = options;
    let label = group_by.as_deref();
    const FRONT: [&str; 5] = ["line", "endpoint", "outcome", "code", "detail"];
    const BACK: [&str; 2] = ["attempts", "elapsed_ms"];
    let mut taken = [&FRONT[..], &["group"], &BACK]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let label_column = label.map(|name| unique(&mut taken, "label.", name));
    let field_columns = fields
        .iter()
        .map(|path| unique(&mut taken, "answer.", &path.to_string()));
    let field_columns: Vec<_> = field_columns.collect();
    let mut header = FRONT.map(text).to_vec();
    header.extend(label_column.as_deref().map(text));
    header.push("group".to_owned());
    header.extend(field_columns.iter().map(|name| text(name)));
    header.extend(BACK.map(text));
    csv.write_record(header)?;
    for line in endpoints(report) {
        let mut row = vec![
            number(line.line),
            text(&line.endpoint),
            text(&line.outcome),
            text(line.code.unwrap_or_default()),
            text(&line.detail.unwrap_or_default()),
        ];
        let value = |name| line.labels?.get(name);
        row.extend(label.map(|name| text(value(name).unwrap_or_default())));
        row.push(line.group.map(number).unwrap_or_default());
        let fields = line.fields.unwrap_or_default();
        row.extend(fields.values().map(cell));
        row.extend([number(line.attempts), decimal(line.elapsed_ms)]);
        csv.write_record(row)?;
    }
    Ok(())
}

/// The name of a column, with a prefix where another column has that name.
fn unique(taken: &mut Vec<String>, prefix: &str, name: &str) -> String {
    let mut name = name.to_owned();
    while taken.contains(&name) {
        name.insert_str(0, prefix);
    }
    taken.push(name.clone());
    name
}

/// A value from a peer: a text without its quotes, nothing for `null`, and lists and messages as JSON.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) => number(value),
        // A 64-bit number is a text in JSON.
        Value::String(digits) if is_integer(digits) => number(digits),
        Value::String(plain) => text(&printable(plain)),
        Value::Array(_) | Value::Object(_) => text(&printable(&value.to_string())),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// A value of this program, which never begins a formula; a negative number is not one.
fn number(value: impl ToString) -> String {
    value.to_string()
}

/// A measured number, with a decimal point even if it is whole: a reader that infers the type of a column from its first
/// rows would otherwise round the others.
fn decimal(value: f64) -> String {
    format!("{value:?}")
}

/// A text, with an apostrophe before everything that a spreadsheet would run as a formula.
///
/// A cell can begin inside a text as well: a spreadsheet that splits at semicolons or bars ignores quotes that follow a
/// comma. There the apostrophe is put before spaces and quotes too, because some readers drop them.
pub(super) fn text(text: &str) -> String {
    let mut guarded = String::with_capacity(text.len() + 1);
    if text.starts_with(FORMULA) {
        guarded.push('\'');
    }
    for (at, c) in text.char_indices() {
        guarded.push(c);
        let cell = text[at + c.len_utf8()..].trim_start_matches([' ', '"', '\'']);
        if SEPARATORS.contains(&c) && cell.starts_with(FORMULA) {
            guarded.push('\'');
        }
    }
    guarded
}

/// Characters at which spreadsheets split rows, besides the comma.
const SEPARATORS: [char; 3] = [';', '|', '\t'];

/// First characters of a formula in any locale.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
