//! Python servers with the mistakes of beginners: `labrpc check` and `labrpc survey` name the mistake and what to do,
//! in one line each.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

use crate::{
    end_to_end,
    support::{self, Running, run},
};

/// A server of `wrong_servers.py`; what both commands print, and what only `check` prints.
type Case = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

const VALUE: &str = "correct the data on that machine";
const FIELDS: &str = "must send all four fields, named and numbered as in proto/profile.proto";
const TYPES: &str = "must use proto/profile.proto as it is";
const JSON: &str = "a JSON library writes it right, such as json.dumps";
const NAMES: &str = "package, service and method must be";
const LOG: &str = "see its log";

const CASES: &[Case] = &[
    (
        "metres",
        &[
            "height 1.71 is not within 50 to 272 cm (is that in metres?",
            VALUE,
        ],
        &[],
    ),
    ("millimetres", &["is that in millimetres?", VALUE], &[]),
    (
        "grams",
        &[
            "weight 64500 is not within 10 to 650 kg (is that in grams?",
            VALUE,
        ],
        &[],
    ),
    ("jin", &["is that in jin", VALUE], &[]),
    ("nan", &["height NaN is not within", VALUE], &[]),
    (
        "chinese-id",
        &[
            "id \"小明\" is not 1 to 32 characters of 0-9 A-Z a-z _ -",
            VALUE,
        ],
        &[],
    ),
    ("long-id", &["is not 1 to 32 characters", VALUE], &[]),
    (
        "unknown-size",
        &["size 9 is none of 1 (XXS) to 8 (XXXL)", VALUE],
        &[],
    ),
    (
        "empty",
        &["id, height, weight and size are missing", FIELDS],
        &[],
    ),
    ("no-height", &["height is missing", FIELDS], &[]),
    (
        "two-mistakes",
        &["size is missing; height 1.71 is not within", FIELDS],
        &[],
    ),
    (
        "float",
        &["height_cm is sent as a float", "not as a double", TYPES],
        &[],
    ),
    (
        "string-height",
        &["height_cm is sent as a string", "not as a double", TYPES],
        &[],
    ),
    (
        "integer-height",
        &["height_cm is sent as an integer", "not as a double", TYPES],
        &[],
    ),
    (
        "string-size",
        &["size is sent as a string", "not as the enum Size", TYPES],
        &[],
    ),
    (
        "integer-id",
        &["id is sent as an integer", "not as a string", TYPES],
        &[],
    ),
    (
        "numbers-from-2",
        &["height_cm is sent as a string", TYPES],
        &[],
    ),
    (
        "numbers-from-11",
        &["id, height, weight and size are missing", FIELDS],
        &[],
    ),
    (
        "other-package",
        &["no lab.Profile/GetProfile", NAMES],
        &["it has Lab.Profile/GetProfile"],
    ),
    (
        "no-package",
        &["no lab.Profile/GetProfile", NAMES],
        &["it has Profile/GetProfile"],
    ),
    (
        "other-service",
        &["no lab.Profile/GetProfile", NAMES],
        &["it has lab.ProfileService/GetProfile"],
    ),
    (
        "other-method",
        &["no lab.Profile/GetProfile", NAMES],
        &["it has lab.Profile/getProfile"],
    ),
    (
        "reflected",
        &["no lab.Profile/GetProfile", NAMES],
        &["it offers school.Student"],
    ),
    ("not-registered", &["no lab.Profile/GetProfile", NAMES], &[]),
    (
        "not-implemented",
        &["UNIMPLEMENTED: Method not implemented!", NAMES],
        &[],
    ),
    (
        "wrong-field-name",
        &[
            "Protocol message GetProfileResponse has no \"heigth\" field.",
            LOG,
        ],
        &[],
    ),
    ("dict", &["Failed to serialize response!", LOG], &[]),
    ("none", &["Failed to serialize response!", LOG], &[]),
    (
        "not-found",
        &["NOT_FOUND: not here", "does not have what was asked for"],
        &[],
    ),
    (
        "slow",
        &["no answer in time (--max-time); is the server slow or stuck"],
        &[],
    ),
    (
        "tls",
        &["TLS only", "give --cacert CA.pem"],
        &["not_grpc (tls)"],
    ),
    (
        "not-started",
        &[
            "refused",
            "is the server started, on this port, and not for 127.0.0.1 only?",
        ],
        &[],
    ),
    (
        "http1",
        &[
            "text: <!DOCTYPE HTML>",
            "such as a web server, listens on this port",
        ],
        &[],
    ),
    ("closes", &["reset", "see the server's log"], &[]),
    (
        "silent",
        &[
            "no answer in time",
            "is the server slow or stuck, or not gRPC?",
        ],
        &[],
    ),
    (
        "banner",
        &[
            "text: Welcome!)",
            "another program, such as a web server, listens on this port",
        ],
        &[],
    ),
    (
        "json-quoted-height",
        &["height must be a number without quotes, such as 178", VALUE],
        &[],
    ),
    ("json-number-id", &["id must be text in quotes", VALUE], &[]),
    (
        "json-single-quotes",
        &["texts and keys need double quotes, not single ones", JSON],
        &[],
    ),
    (
        "json-none",
        &["a problem at None: it is not a JSON value", JSON],
        &[],
    ),
    (
        "json-gbk",
        &["the text is not UTF-8; encode it as UTF-8", JSON],
        &[],
    ),
    (
        "json-cut",
        &[
            "the JSON ends too early",
            "must send the whole object before it closes",
        ],
        &[],
    ),
    (
        "json-wrapped",
        &[
            "id, height, weight and size are missing; unknown keys: profile",
            FIELDS,
        ],
        &[],
    ),
    (
        "json-capitals",
        &["unknown keys: ID, HEIGHT, WEIGHT, SIZE", FIELDS],
        &[],
    ),
];

/// The servers, and the endpoint of each by its name.
fn start() -> Option<(Running, BTreeMap<String, String>)> {
    let python = support::python("grpc, grpc_tools, grpc_health, grpc_reflection")?;
    let folder = end_to_end::generate(&python);
    let dir = folder.path().to_str().unwrap();
    for arguments in [vec!["ca", dir], vec!["issue", dir, "127.0.0.1"]] {
        let made = run(["certs"].into_iter().chain(arguments));
        assert_eq!(made.status, 0, "{made:?}");
    }
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/peers/wrong_servers.py"
    );
    let servers = Running::start(
        Command::new(&python)
            .args([script, &format!("{dir}/127.0.0.1.pem")])
            .arg(format!("{dir}/127.0.0.1.key.pem"))
            .env("PYTHONPATH", dir),
        |line| line == "ready",
    );
    let endpoints = servers.said.iter().filter_map(|line| {
        let (name, port) = line.split_once(' ')?;
        let port: u16 = port.parse().ok()?;
        Some((name.to_owned(), format!("127.0.0.1:{port}")))
    });
    let endpoints = endpoints.collect();
    Some((servers, endpoints))
}

/// The first failure or, without one, the first warning of each server, in one line, by its endpoint.
fn findings(document: &Value) -> BTreeMap<String, (bool, String)> {
    let servers = document["servers"].as_array().unwrap().iter();
    servers
        .map(|server| {
            let checks = server["checks"].as_array().unwrap();
            let first = ["fail", "warn"]
                .iter()
                .find_map(|result| checks.iter().find(|check| check["result"] == **result));
            let line = first.map_or_else(String::new, |check| {
                format!(
                    "{}; {}",
                    check["seen"].as_str().unwrap(),
                    check["advice"].as_str().unwrap()
                )
            });
            let endpoint = server["endpoint"].as_str().unwrap().to_owned();
            (endpoint, (server["accepted"] == true, line))
        })
        .collect()
}

/// Asserts that each server fails one check at most, and that nothing is said about a method that is not there.
fn assert_no_consequences(document: &Value) {
    for server in document["servers"].as_array().unwrap() {
        let checks = server["checks"].as_array().unwrap();
        let failed: Vec<_> = checks
            .iter()
            .filter(|check| check["result"] == "fail")
            .collect();
        assert!(failed.len() <= 1, "{failed:#?}");
        let lacks_method = failed.iter().any(|check| {
            let seen = check["seen"].as_str().unwrap();
            seen.contains("UNIMPLEMENTED") || seen.contains("no lab.Profile")
        });
        for check in checks {
            let needs_method = check["name"] == "deadline" || check["name"] == "unknown_method";
            if lacks_method && needs_method {
                assert_eq!(check["result"], "skip", "{check}");
            }
        }
    }
}

#[test]
fn mistakes_of_beginners_are_named_with_their_remedy_in_one_line() {
    let Some((_servers, endpoints)) = start() else {
        return;
    };
    assert_eq!(endpoints.len(), CASES.len() + 2, "{endpoints:?}");
    let list = endpoints.values().map(String::as_str);
    let arguments = ["check", "--format", "json", "--max-time", "1s"];
    let output = run(arguments.into_iter().chain(list));
    assert_eq!(output.status, 3, "{output:?}");
    let document = serde_json::from_str(&output.stdout).unwrap();
    assert_no_consequences(&document);
    let found = findings(&document);
    assert_eq!(found[&endpoints["right"]], (true, String::new()));
    let (accepted, line) = &found[&endpoints["stream"]];
    assert!(*accepted, "{line}");
    assert!(line.contains("without stream"), "{line}");

    let survey = |name| {
        run([
            "survey",
            "--retries",
            "0",
            "--max-time",
            "1s",
            &endpoints[name],
        ])
    };
    assert_eq!(survey("right").status, 0);
    assert_eq!(run(["check", &endpoints["right"]]).status, 0);
    let mut mistakes = Vec::new();
    for (name, both, check) in CASES {
        let endpoint = &endpoints[*name];
        let (accepted, line) = &found[endpoint];
        let named = both.iter().chain(*check).all(|words| line.contains(words));
        if *accepted || !named {
            mistakes.push(format!("check {name}: {line}"));
        }
        let output = survey(name);
        let mut lines = output.stdout.lines();
        let line = lines
            .find(|line| line.starts_with(&**endpoint))
            .unwrap_or_default();
        if output.status == 0 || !both.iter().all(|words| line.contains(words)) {
            mistakes.push(format!("survey {name}: {line}"));
        }
    }
    assert!(mistakes.is_empty(), "{mistakes:#?}");
}
