//! A format that the product does not have, to show what a new one costs.

use std::{fmt::Write as _, time::UNIX_EPOCH};

use labrpc::{
    report::{
        Answer, CompareOptions, Report, RunInfo, Survey, View,
        text::{ComparisonText, FindingsText, ListLimits, RankingText, Story},
    },
    similarity::Options,
    survey::outcome::{EndpointResult, Outcome, Protocol},
};
use serde_json::json;

use crate::comparison;

fn markdown(report: &Report) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    let story = Story::new(report, &View::default());
    writeln!(out, "# {}\n", story.headline)?;
    for note in &story.notes {
        writeln!(out, "{} {}\n", note.label, note.text)?;
    }
    for failure in &story.failures {
        let text = failure.text(failure.outcome.name());
        writeln!(out, "- `{}`: {text}", failure.endpoints)?;
    }
    match &story.findings {
        FindingsText::Ranking(ranking) => closest(ranking, &mut out)?,
        FindingsText::Comparison(comparison) => groups(comparison, &mut out)?,
    }
    Ok(out)
}

fn closest(ranking: &RankingText<'_>, out: &mut String) -> std::fmt::Result {
    let verdict = ranking.answer.verdict.text();
    writeln!(out, "\n## {}\n\n{verdict}\n", ranking.answer.title)?;
    for pair in ranking.answer.pairs.iter().map(|pair| ranking.pair(pair)) {
        let fields = pair.fields.iter();
        let terms: Vec<_> = fields
            .map(|field| format!("{} {}", field.name, field.term))
            .collect();
        writeln!(
            out,
            "{}. {}: {}",
            pair.rank,
            pair.names.join(", "),
            terms.join(" + ")
        )?;
    }
    Ok(())
}

fn groups(comparison: &ComparisonText<'_>, out: &mut String) -> std::fmt::Result {
    let limits = ListLimits {
        leaves: 1,
        differences: 10,
    };
    for section in comparison.sections() {
        for group in comparison.groups(&section, limits) {
            writeln!(out, "- {} {}: {}", group.count, group.word, group.endpoints)?;
            for leaf in group.leaves {
                writeln!(out, "  - {} = {}", leaf.path, leaf.value)?;
            }
            for difference in group.differences {
                writeln!(
                    out,
                    "  - {}: {} → {}",
                    difference.path, difference.reference, difference.value
                )?;
            }
        }
    }
    Ok(())
}

#[test]
fn new_format_can_be_written_with_story_alone() {
    let person = |id: &str, height: u32| Outcome::Ok {
        protocol: Protocol::Grpc,
        answer: Answer::Profile(
            serde_json::from_str(&format!(
                r#"{{"id":"{id}","height":{height},"weight":60,"size":"M"}}"#
            ))
            .unwrap(),
        ),
    };
    let outcomes = [person("1", 170), person("2", 172), Outcome::Refused];
    let hosts = crate::support::hosts("10.0.0.1-3");
    let answers = outcomes
        .into_iter()
        .map(EndpointResult::without_attempt)
        .collect();
    let survey = Survey { hosts, answers };
    let report = Report::survey(
        RunInfo::since(UNIX_EPOCH, Vec::new()),
        survey,
        Options::default(),
    );
    assert_eq!(
        markdown(&report).unwrap(),
        "# 2 of 3 answered\n\n- `10.0.0.3`: refused\n\n## Most alike\n\n\
         one pair at distance 14\n\n1. 1, 2: height 14 + weight 0 + size 0\n"
    );

    let values = vec![
        json!({"version": 1, "name": "a"}),
        json!({"version": 2, "name": "a"}),
    ];
    let given = [Ok(0), Ok(0), Ok(1)];
    let report = comparison::report(
        crate::support::hosts("10.0.0.1-3"),
        given,
        values,
        CompareOptions::default(),
    );
    assert_eq!(
        markdown(&report).unwrap(),
        "# 3 of 3 answered, in 2 groups\n\n- 2 alike: 10.0.0.[1-2]\n  - version = 1\n- 1 differs: 10.0.0.3\n  - version: 1 → 2\n"
    );
}
