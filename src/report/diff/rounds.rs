//! Two rounds of one survey compared, in the way in which their saved runs would be.

use std::path::PathBuf;

use crate::{
    report::{
        diff::{
            changes::RunDiff,
            side::{RunReader, RunRules, SavedOutcome, SavedSide},
        },
        model::{Findings, Input, Report},
        run_format::endpoints,
    },
    survey::outcome::OutcomeKind,
};

impl RunDiff {
    /// What changed from one round of a survey to a later one.
    #[must_use]
    pub fn of_rounds(before: &Report, after: &Report) -> Self {
        let mut reader = RunReader::default();
        let [a, b] = [before, after].map(|report| side(&mut reader, report));
        Self::new(&reader, a, b)
    }
}

fn side(reader: &mut RunReader, report: &Report) -> SavedSide {
    let mut side = SavedSide {
        rules: RunRules::default(),
        file: PathBuf::new(),
        method: report.method().unwrap_or_default().to_owned(),
        endpoints: Vec::new(),
    };
    let Input::Survey(survey) = &report.input else {
        return side;
    };
    let mut answers = vec![None; survey.hosts.len()];
    if let Findings::Comparison(compared) = &report.findings {
        for section in &compared.comparison.sections {
            for (group, details) in compared.details(section) {
                let answer = reader.intern(details.value);
                for member in &group.members {
                    answers[*member] = Some(answer);
                }
            }
        }
    }
    let lines = survey.hosts.iter().zip(endpoints(report)).zip(answers);
    for ((endpoint, line), answer) in lines {
        if line.outcome == OutcomeKind::DuplicateLine.name() {
            continue;
        }
        let profile = line.profile.map(serde_json::to_value);
        let profile = profile.and_then(Result::ok);
        let outcome = SavedOutcome {
            outcome: line.outcome.into_owned(),
            code: line.code.map(str::to_owned),
            detail: line.detail,
        };
        let answer = answer.or_else(|| profile.map(|profile| reader.intern(profile)));
        side.endpoints.push((endpoint, outcome, answer));
    }
    side
}
