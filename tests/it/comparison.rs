//! A comparison of answers in every format.

use std::{
    io,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use labrpc::{
    question::AnswerId,
    report::{
        Answer, AnswerValues, CompareOptions, Report, RunInfo, Survey, View, csv, html, json,
        jsonl, table,
    },
    survey::{
        hosts::{Builder, Hosts, exactly_one},
        outcome::{Outcome, Protocol},
    },
    untrusted::Untrusted,
};
use serde_json::{Value, json};

use crate::{browser::Browser, html::answer, support::hosts};

/// Text that does harm if it is not escaped.
const HOSTILE: &str = "<script>window.pwned=1</script>\x1b[2J\u{9b}2J\u{202e}=1+1 \"&amp;";

/// Writes a report in one format.
pub(crate) type Write = fn(&Report, &mut dyn io::Write) -> io::Result<()>;

/// The endpoint's answer by its number, or why there is none.
type Given = Result<u32, Outcome<Answer>>;

/// A report of endpoints whose answers are these values.
pub(crate) fn report(
    hosts: Hosts,
    given: impl IntoIterator<Item = Given>,
    values: Vec<Value>,
    options: CompareOptions,
) -> Report {
    let outcome = |given: Given| {
        given.map_or_else(
            |outcome| outcome,
            |number| Outcome::Ok {
                protocol: Protocol::Grpc,
                answer: Answer::Interned(AnswerId(number)),
            },
        )
    };
    let answers = given.into_iter().map(|given| answer(outcome(given)));
    let survey = Survey {
        hosts,
        answers: answers.collect(),
    };
    let values = Arc::new(values);
    let values = AnswerValues::new(move |number| values[number as usize].clone());
    let run = RunInfo {
        finished: UNIX_EPOCH + Duration::from_secs(1_763_798_402),
        ..RunInfo::since(
            UNIX_EPOCH + Duration::from_secs(1_763_798_400),
            vec![
                "survey".to_owned(),
                "--method".to_owned(),
                HOSTILE.to_owned(),
            ],
        )
    };
    Report::comparison(
        run,
        survey,
        "fleet.Node/Describe".to_owned(),
        values,
        options,
    )
}

fn node() -> Value {
    let tags: Vec<_> = (0..10).map(|tag| format!("t{tag}")).collect();
    json!({
        "version": "1.8.2", "revision": "4411", "limits": {"maxQps": 500, "burst": "900"}, "tags": tags,
    })
}

/// Forty nodes: two are of an older version, two refuse, and one does not have the method.
fn fleet(options: CompareOptions) -> Report {
    let old = json!({"version": "1.8.1", "revision": "4411", "limits": {"burst": "900"}, "tags": node()["tags"]});
    let given = (1..=40).map(|seat| match seat {
        21 | 36 => Ok(1),
        37 | 38 => Err(Outcome::Refused),
        39 => Err(Outcome::Status {
            code: tonic::Code::Unimplemented,
            message: Untrusted::new("unknown service"),
        }),
        _ => Ok(0),
    });
    report(
        hosts("10.0.0.1-40:50051"),
        given,
        vec![node(), old],
        options,
    )
}

/// Reports of every kind.
pub(crate) fn samples() -> Vec<Report> {
    let mut builder = Builder::default();
    let labelled = r#"[{"targets": ["10.0.0.1", "10.0.0.2"], "labels": {"zone": "b"}}, {"targets": ["10.0.0.3"]}]"#;
    builder.read("targets.json", labelled.as_bytes());
    let by_zone = CompareOptions {
        group_by: Some("zone".to_owned()),
        fields: vec!["v".parse().unwrap()],
        ..CompareOptions::default()
    };
    let health = CompareOptions {
        health: true,
        ..CompareOptions::default()
    };
    let values = vec![json!({"v": null}), json!([1, "a"])];
    vec![
        fleet(CompareOptions::default()),
        report(
            builder.build().unwrap(),
            [Ok(0), Ok(1), Ok(0)],
            values,
            by_zone,
        ),
        report(
            hosts("10.0.0.1"),
            [Ok(0)],
            vec![json!({"status": "SERVING"})],
            health.clone(),
        ),
        report(
            hosts("10.0.0.1"),
            [Err(Outcome::Refused)],
            Vec::new(),
            health,
        ),
    ]
}

pub(crate) fn text(report: &Report, width: usize) -> String {
    let mut out = Vec::new();
    table::write(report, &View::default(), Some(width), &mut out).unwrap();
    anstream::adapter::strip_str(str::from_utf8(&out).unwrap()).to_string()
}

fn lines(report: &Report) -> Vec<Value> {
    let mut out = Vec::new();
    jsonl::write(report, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn table_shows_the_reference_and_only_the_leaves_that_differ() {
    assert_eq!(
        text(&fleet(CompareOptions::default()), 80),
        "\
37 of 40 answered, in 2 groups
37 ok · 1 status · 2 refused

  35 alike   10.0.0.[1-20,22-35,40]:50051
             version \"1.8.2\"   revision \"4411\"   limits.maxQps 500
             limits.burst \"900\"   and 10 more fields
   2 differ  10.0.0.[21,36]:50051
             version        \"1.8.2\" → \"1.8.1\"
             limits.maxQps  500 → absent

10.0.0.39:50051: status (UNIMPLEMENTED: unknown service); a gRPC server, but it
    does not have this method
10.0.0.[37-38]:50051 (2): refused; nothing listens there; is the server started,
    on this port, and not for 127.0.0.1 only?
"
    );
    let wide = text(&fleet(CompareOptions::default()), 200);
    let leaves = "version \"1.8.2\"   revision \"4411\"   limits.maxQps 500   limits.burst \"900\"   and 10 more fields\n";
    assert!(wide.contains(leaves), "{wide}");
    let mut summary = Vec::new();
    table::outcomes(
        &fleet(CompareOptions::default()),
        &View::default(),
        None,
        &mut summary,
    )
    .unwrap();
    let summary = anstream::adapter::strip_str(str::from_utf8(&summary).unwrap()).to_string();
    assert!(summary.contains("(2): "), "{summary}");
    assert!(
        summary.ends_with("\n\n37 of 40 answered, in 2 groups\n37 ok · 1 status · 2 refused\n"),
        "{summary}"
    );
}

#[test]
fn headline_is_the_result_of_the_comparison() {
    let headline = |given: &[Given], options| {
        let hosts = hosts(&format!("10.0.0.1-{}", given.len()));
        let values = vec![
            json!({"a": 1}),
            json!({"a": 2}),
            json!({"status": "SERVING"}),
            json!({}),
        ];
        let text = text(&report(hosts, given.to_vec(), values, options), 80);
        text.lines().next().unwrap().to_owned()
    };
    let plain = CompareOptions::default();
    let health = CompareOptions {
        health: true,
        ..CompareOptions::default()
    };
    let ignoring = CompareOptions {
        ignore: vec!["a".parse().unwrap()],
        ..CompareOptions::default()
    };
    for (given, options, expected) in [
        (&[Err(Outcome::Refused)][..], &plain, "0 of 1 answered"),
        (&[Ok(0)], &plain, "1 of 1 answered"),
        (
            &[Ok(0), Ok(0), Err(Outcome::Refused)],
            &plain,
            "2 of 3 answered, all alike",
        ),
        (&[Ok(0), Ok(1)], &plain, "2 of 2 answered, in 2 groups"),
        (&[Ok(0), Ok(1)], &ignoring, "2 of 2 answered, all alike"),
        (
            &[Ok(2), Ok(2), Ok(3)],
            &health,
            "3 of 3 answered, 2 SERVING",
        ),
    ] {
        assert_eq!(headline(given, options.clone()), expected);
    }
}

#[test]
fn health_is_grouped_by_status() {
    let status = |name: &str| json!({"status": name});
    let given = [
        Ok(0),
        Ok(0),
        Ok(1),
        Ok(2),
        Err(Outcome::Status {
            code: tonic::Code::NotFound,
            message: Untrusted::new("unknown service"),
        }),
    ];
    let report = report(
        hosts("10.0.0.1-5"),
        given,
        vec![status("SERVING"), status("NOT_SERVING"), json!({})],
        CompareOptions {
            health: true,
            ..CompareOptions::default()
        },
    );
    let text = text(&report, 80);
    let begin = "\
4 of 5 answered, 2 SERVING

  2 SERVING      10.0.0.[1-2]
  1 NOT_SERVING  10.0.0.3
  1 UNKNOWN      10.0.0.4

10.0.0.5: status (NOT_FOUND: unknown service)";
    assert!(text.starts_with(begin), "{text}");
}

#[test]
fn reference_is_the_one_that_was_asked_for_or_the_largest_group() {
    let with = |reference| CompareOptions {
        reference: Some(exactly_one(reference).unwrap()),
        ..CompareOptions::default()
    };
    let chosen = text(&fleet(with("10.0.0.21:50051")), 80);
    let expected = "\
37 of 40 answered, in 2 groups
37 ok · 1 status · 2 refused

   2 reference  10.0.0.[21,36]:50051
                version \"1.8.1\"   revision \"4411\"   limits.burst \"900\"
                tags[0] \"t0\"   and 9 more fields
  35 differ     10.0.0.[1-20,22-35,40]:50051
                version        \"1.8.1\" → \"1.8.2\"
                limits.maxQps  absent → 500
";
    assert!(chosen.starts_with(expected), "{chosen}");
    let missing = text(&fleet(with("10.0.0.37:50051")), 80);
    let note = "reference: 10.0.0.37:50051 did not answer; the largest group is the reference\n    instead\n";
    assert!(missing.contains(note), "{missing}");
    assert!(missing.contains("  35 alike   10.0.0"), "{missing}");
}

#[test]
fn labels_divide_what_is_compared() {
    let mut builder = Builder::default();
    builder.read(
        "targets.json",
        br#"[{"targets": ["10.0.0.1", "10.0.0.2"], "labels": {"zone": "b"}},
            {"targets": ["10.0.0.3", "10.0.0.4"], "labels": {"zone": "a"}}, {"targets": ["10.0.0.5"]}]"#,
    );
    let hosts = builder.build().unwrap();
    let options = CompareOptions {
        group_by: Some("zone".to_owned()),
        fields: vec!["v".parse().unwrap()],
        ..CompareOptions::default()
    };
    let given = [Ok(0), Ok(1), Ok(1), Ok(1), Ok(0)];
    let report = report(
        hosts,
        given,
        vec![json!({"v": 1}), json!({"v": 2})],
        options,
    );
    assert_eq!(
        text(&report, 80),
        "\
5 of 5 answered, differing within 1 of 2 values of zone

zone a: 2 answered, all alike
  2 alike  10.0.0.[3-4]
           v 2

zone b: 2 answered, in 2 groups
  1 reference  10.0.0.1
               v 1
  1 differs    10.0.0.2
               v  1 → 2

without zone: 1 answered
  1 reference  10.0.0.5
               v 1
"
    );
    let lines = lines(&report);
    let groups: Vec<_> = lines
        .iter()
        .filter_map(|line| line.get("answer"))
        .map(|answer| {
            (
                answer["label"].clone(),
                answer["group"].clone(),
                answer["count"].clone(),
            )
        })
        .collect();
    assert_eq!(
        groups,
        [
            (json!("a"), json!(2), json!(2)),
            (json!("b"), json!(1), json!(1)),
            (json!("b"), json!(2), json!(1)),
            (json!(null), json!(1), json!(1)),
        ]
    );
    assert_eq!(lines[2]["labels"], json!({"zone": "b"}));
    let mut out = Vec::new();
    csv::write(&report, &mut out).unwrap();
    let csv = String::from_utf8(out).unwrap();
    assert!(
        csv.starts_with(
            "line,endpoint,outcome,code,detail,zone,group,v,attempts,elapsed_ms\r\n\
             1,10.0.0.1:1024,ok,,,b,1,1,1,2.0\r\n"
        ),
        "{csv}"
    );
}

#[test]
fn reference_of_a_label_is_named_only_where_it_is() {
    let mut builder = Builder::default();
    builder.read(
        "targets.json",
        br#"[{"targets": ["10.0.0.1-4"], "labels": {"zone": "a"}}, {"targets": ["10.0.0.5-8"], "labels": {"zone": "b"}}]"#,
    );
    let options = CompareOptions {
        group_by: Some("zone".to_owned()),
        reference: Some(exactly_one("10.0.0.1").unwrap()),
        ..CompareOptions::default()
    };
    let given = [0, 1, 1, 1, 0, 0, 0, 1].map(Ok);
    let values = vec![json!({"v": 1}), json!({"v": 2})];
    let report = report(builder.build().unwrap(), given, values, options);
    assert_eq!(
        text(&report, 80),
        "\
8 of 8 answered, differing within 2 of 2 values of zone

zone a: 4 answered, in 2 groups
  1 reference  10.0.0.1
               v 1
  3 differ     10.0.0.[2-4]
               v  1 → 2

zone b: 4 answered, in 2 groups
  3 alike    10.0.0.[5-7]
             v 1
  1 differs  10.0.0.8
             v  1 → 2
"
    );
    let mut page = Vec::new();
    html::write(&report, &View::default(), &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    let sentence =
        "The group of 10.0.0.1 is the reference of its zone, elsewhere the largest group.";
    assert!(page.contains(sentence), "{page}");
}

#[test]
fn endpoints_without_the_label_are_not_counted_as_a_value() {
    let headline = |list: &str, given: &[u32]| {
        let mut builder = Builder::default();
        builder.read("targets.json", list.as_bytes());
        let options = CompareOptions {
            group_by: Some("zone".to_owned()),
            ..CompareOptions::default()
        };
        let values = vec![json!({"v": 1}), json!({"v": 2})];
        let given = given.iter().copied().map(Ok);
        let text = text(
            &report(builder.build().unwrap(), given, values, options),
            80,
        );
        let first = text.lines().next().unwrap_or_default();
        first.split_once(", ").unwrap().1.to_owned()
    };
    let both =
        r#"[{"targets": ["10.0.0.1-2"], "labels": {"zone": "a"}}, {"targets": ["10.0.0.3-4"]}]"#;
    for (list, given, expected) in [
        (
            both,
            &[0, 0, 1, 1][..],
            "alike within each of 1 value of zone, and without it",
        ),
        (both, &[0, 0, 0, 1], "differing only without zone"),
        (both, &[0, 1, 1, 1], "differing within 1 of 1 value of zone"),
        (
            both,
            &[0, 1, 0, 1],
            "differing within 1 of 1 value of zone, and without it",
        ),
        (r#"[{"targets": ["10.0.0.1"]}]"#, &[0], "alike without zone"),
    ] {
        assert_eq!(headline(list, given), expected);
    }
}

#[test]
fn columns_of_csv_have_distinct_names() {
    let mut builder = Builder::default();
    builder.read(
        "targets.json",
        br#"[{"targets": ["10.0.0.1"], "labels": {"group": "x"}}]"#,
    );
    let options = CompareOptions {
        group_by: Some("group".to_owned()),
        fields: ["line", "label.group", "attempts", "v"]
            .map(|path| path.parse().unwrap())
            .to_vec(),
        ..CompareOptions::default()
    };
    let report = report(
        builder.build().unwrap(),
        [Ok(0)],
        vec![json!({"v": 1, "line": 7})],
        options,
    );
    let mut out = Vec::new();
    csv::write(&report, &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "line,endpoint,outcome,code,detail,label.group,group,answer.line,answer.label.group,answer.attempts,v,attempts,elapsed_ms\r\n\
         1,10.0.0.1:1024,ok,,,x,1,7,,,1,1,2.0\r\n"
    );
}

#[test]
fn saved_run_has_groups_codes_and_differences() {
    let options = CompareOptions {
        fields: ["version", "limits.maxQps", "tags[]"]
            .map(|path| path.parse().unwrap())
            .to_vec(),
        ..CompareOptions::default()
    };
    let report = fleet(options);
    let lines = lines(&report);
    let [header, .., summary] = &lines[..] else {
        panic!("{lines:?}")
    };
    assert_eq!(header["method"], "fleet.Node/Describe");
    assert_eq!(header["finished"], "2025-11-22T08:00:02Z");
    assert_eq!(header["metric"], json!(null));
    // The header, and each distinct answer before the first endpoint that gave it.
    assert_eq!(lines[1]["value"]["value"], node());
    assert_eq!(lines[22]["value"]["group"], 2);
    let old = &lines[23];
    assert_eq!((&old["line"], &old["group"]), (&json!(21), &json!(2)));
    assert_eq!(old["fields"]["version"], "1.8.1");
    assert_eq!(old["fields"]["limits.maxQps"], json!(null));
    assert_eq!(old["fields"]["tags[]"].as_array().unwrap().len(), 10);
    assert_eq!(
        (&lines[41]["code"], &lines[41]["group"]),
        (&json!("UNIMPLEMENTED"), &json!(null))
    );
    let answers: Vec<_> = lines.iter().filter_map(|line| line.get("answer")).collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0]["value"], node());
    assert_eq!(answers[0]["reference"], true);
    assert_eq!(
        *answers[1],
        json!({
            "group": 2, "label": null, "count": 2, "endpoints": "10.0.0.[21,36]:50051", "reference": false,
            "value": {"version": "1.8.1", "revision": "4411", "limits": {"burst": "900"}, "tags": node()["tags"]},
            "differences": [
                {"path": "version", "reference": "1.8.2", "value": "1.8.1"},
                {"path": "limits.maxQps", "reference": 500},
            ],
            "omitted": 0,
        })
    );
    assert_eq!(summary["summary"]["ok"], 37);
    let mut document = Vec::new();
    json::write(&report, &mut document).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["answers"], json!(answers));
    assert_eq!(document["endpoints"][38]["code"], "UNIMPLEMENTED");
}

#[test]
fn lists_are_bounded_and_the_rest_is_counted() {
    let count = 3000;
    let values: Vec<_> = (0..count)
        .map(|number| {
            let fields = (0..100).map(|field| (format!("f{field}"), json!(number + field)));
            Value::Object(fields.collect())
        })
        .collect();
    let given = (0..count).map(Ok);
    let hosts = hosts("10.0.0.0/20");
    let hosts: Hosts = hosts.iter().take(count as usize).collect();
    let report = report(hosts, given, values, CompareOptions::default());
    let text = text(&report, 80);
    assert!(
        text.contains("  and 2980 more groups of 2980 endpoints\n"),
        "{text}"
    );
    assert!(text.contains("and 80 more differences\n"), "{text}");
    assert!(text.lines().count() < 500);
    let mut page = Vec::new();
    html::write(&report, &View::default(), &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("and 2950 more groups of 2950 endpoints"));
    // Blocks of neighbours, of which the first has the reference.
    assert_eq!(page.matches("class=\"block\"").count(), 60);
    assert!(page.contains("<b>1</b> of 50 alike"));
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    assert_eq!(lines(&report).len(), 1 + 3 * count as usize + 1);
}

#[test]
fn fields_by_which_every_group_differs_are_pointed_out() {
    let note = |same_version: bool, count: u32| {
        let values = (0..count).map(|seat| {
            let version = if same_version { 1 } else { seat };
            json!({"version": version, "host": format!("h{seat}"), "uptime": seat, "zone": seat / 3})
        });
        let hosts = hosts(&format!("10.0.0.1-{count}"));
        let given = (0..count).map(Ok);
        text(
            &report(hosts, given, values.collect(), CompareOptions::default()),
            80,
        )
    };
    let pointed_out = note(true, 9);
    let expected = "9 of 9 answered, in 9 groups\nhost, uptime differ between all groups looked at; --ignore host --ignore uptime\ncompares the rest\n";
    assert!(pointed_out.starts_with(expected), "{pointed_out}");
    assert!(
        note(false, 9).contains("\nversion, host, uptime differ between all groups looked at;")
    );
    assert!(!note(true, 4).contains("all groups"), "too few to tell");
}

#[test]
fn only_fields_with_distinct_values_are_offered_and_quoted_for_a_shell() {
    let long = "k".repeat(labrpc::untrusted::Untrusted::MAX_CHARS + 1);
    let values = (0..9).map(|seat| {
        // The reference alone has another version.
        let version = if seat == 0 { "old" } else { "new" };
        json!({"version": version, "$(reboot)": seat, "it's": seat, &long: seat})
    });
    let options = CompareOptions::default();
    let given = (0..9).map(Ok);
    let text = text(
        &report(hosts("10.0.0.1-9"), given, values.collect(), options),
        400,
    );
    let expected = r#"["$(reboot)"], ["it's"] differ between all groups looked at; --ignore '["$(reboot)"]' --ignore '["it'\''s"]' compares the rest"#;
    let mut notes = text.lines().filter(|line| line.contains("--ignore"));
    assert_eq!(notes.next(), Some(expected), "{text}");
}

#[test]
fn columns_align_with_wide_characters() {
    let values = vec![json!({"体重": 1, "ab": 1}), json!({"体重": 2, "ab": 2})];
    let report = report(
        hosts("10.0.0.1-3"),
        [Ok(0), Ok(0), Ok(1)],
        values,
        CompareOptions::default(),
    );
    let text = text(&report, 80);
    let expected = "             [\"体重\"]  1 → 2\n             ab        1 → 2\n";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn text_from_peers_is_printable_in_every_format() {
    let values = vec![
        json!({HOSTILE: HOSTILE, "a": [HOSTILE], "long": "x".repeat(5000)}),
        json!({HOSTILE: "=1+1", "a": [], "long": format!("{}y", "x".repeat(5000))}),
    ];
    let options = CompareOptions {
        fields: ["a", "."].map(|path| path.parse().unwrap()).to_vec(),
        ..CompareOptions::default()
    };
    let report = report(hosts("10.0.0.1-2"), [Ok(0), Ok(1)], values.clone(), options);
    let page: Write = |report, out| html::write(report, &View::default(), out);
    let formats: [Write; 4] = [json::write, jsonl::write, csv::write, page];
    let mut texts = vec![text(&report, 80)];
    for write in formats {
        let mut out = Vec::new();
        write(&report, &mut out).unwrap();
        texts.push(String::from_utf8(out).unwrap());
    }
    for text in &texts {
        for c in text.chars() {
            let bad =
                c.is_control() && c != '\n' && c != '\r' || ('\u{202a}'..='\u{202e}').contains(&c);
            assert!(!bad, "U+{:04X}", u32::from(c));
        }
    }
    // A program reads what was sent.
    assert_eq!(lines(&report)[2]["fields"]["."], values[0]);
    assert!(!texts[4].contains("<script"), "markup got in");
    // Two long texts that differ at their end are shown from there.
    let words: Vec<_> = texts[0].split_whitespace().collect();
    assert!(words.ends_with(&["→", "…\"xxxxxxxxxxy\""]), "{}", texts[0]);
}

#[test]
fn numbers_from_peers_are_numbers_in_csv_and_formulas_are_not() {
    let value = json!({
        "a": "-9007199254740993", "b": -1.5, "c": "=1+1", "d": "-Infinity", "e": true, "f": ["-1"], "g": "x\ny",
    });
    let options = CompareOptions {
        fields: ["a", "b", "c", "d", "e", "f", "g", "h"]
            .map(|path| path.parse().unwrap())
            .to_vec(),
        ..CompareOptions::default()
    };
    let report = report(hosts("10.0.0.1"), [Ok(0)], vec![value], options);
    let mut out = Vec::new();
    csv::write(&report, &mut out).unwrap();
    let csv = String::from_utf8(out).unwrap();
    let row = csv.lines().nth(1).unwrap();
    assert_eq!(
        row,
        r#"1,10.0.0.1:1024,ok,,,1,-9007199254740993,-1.5,'=1+1,'-Infinity,true,"[""-1""]",x\u{a}y,,1,2.0"#
    );
}

/// Forty machines in three groups, and three that do not answer.
pub(crate) fn drifting_fleet() -> Report {
    let values = vec![
        node(),
        json!({"version": "1.8.1", "revision": "4411", "limits": {"burst": "900"}, "tags": node()["tags"]}),
        json!({"version": HOSTILE, "revision": "4411", "limits": {"maxQps": 500}, "tags": []}),
    ];
    let given = (1..=40).map(|seat| match seat {
        21 | 36 => Ok(1),
        7 => Ok(2),
        37 | 38 => Err(Outcome::Refused),
        39 => Err(Outcome::Status {
            code: tonic::Code::Unimplemented,
            message: Untrusted::new(HOSTILE),
        }),
        _ => Ok(0),
    });
    let options = CompareOptions {
        ignore: vec!["hostname".parse().unwrap()],
        ..CompareOptions::default()
    };
    report(hosts("10.0.0.1-40:50051"), given, values, options)
}

#[tokio::test]
async fn page_of_a_comparison_is_accessible_and_marks_groups_by_colour_shape_and_number() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    page.screen(1920, 1080, "light").await;
    let report = drifting_fleet();
    let folder = tempfile::tempdir().unwrap();
    let mut text = Vec::new();
    html::write(&report, &View::default(), &mut text).unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, text).unwrap();
    page.open(&format!("file://{}", file.display())).await;
    for (class, count) in [
        ("g1", 34),
        ("g2", 2),
        ("g3", 1),
        ("absent", 2),
        ("wrong", 1),
    ] {
        assert_eq!(
            page.count(&format!(".seat.{class}")).await,
            count,
            "{class}"
        );
    }
    let words = "[...document.querySelectorAll('#seat-1 .state, #seat-7 .state, #seat-21 .state')]
        .map((seat) => seat.textContent.trim())";
    assert_eq!(
        page.eval(words).await,
        json!(["alike", "group 3", "group 2"])
    );
    let shapes = "new Set([...document.querySelectorAll('.seat .where use')].map((use) => use.getAttribute('href'))).size";
    assert_eq!(page.eval(shapes).await, 5);
    let colours = "new Set([...document.querySelectorAll('.seat.g1, .seat.g2, .seat.g3')]
        .map((seat) => getComputedStyle(seat).borderTopColor)).size";
    assert_eq!(page.eval(colours).await, 3);
    let legend = "[...document.querySelectorAll('div.answers .legend li')].map((entry) => entry.textContent.trim())";
    assert_eq!(
        page.eval(legend).await,
        json!(["34 alike", "2 group 2", "1 group 3"])
    );
    assert_eq!(page.count("#groups ol.answers > li").await, 3);
    assert_eq!(page.count("#groups li.g2 tbody tr").await, 2);
    assert_eq!(page.eval("typeof window.pwned").await, "undefined");
    assert_eq!(
        page.count("script, img, iframe, object, [onerror]").await,
        0
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
    page.assert_accessible().await;
    page.picture("comparison-light").await;
    page.screen(1920, 1080, "dark").await;
    page.assert_accessible().await;
    page.picture("comparison-dark").await;
    page.screen(390, 844, "light").await;
    let wide = "document.documentElement.scrollWidth > innerWidth";
    assert_eq!(
        page.eval(wide).await,
        false,
        "the page is wider than a phone"
    );
    page.assert_accessible().await;
    page.picture("comparison-phone").await;
}
