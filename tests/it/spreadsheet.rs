//! CSV in other people's readers: Python's csv module takes every report as RFC 4180, and LibreOffice finds no
//! formula in any; and this program reads back what it wrote.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use labrpc::{
    report::{Report, RunInfo, Survey, csv, read},
    similarity::Options,
    survey::{
        hosts::Builder,
        outcome::{EndpointResult, Outcome},
    },
    untrusted::Untrusted,
};

use crate::support::{self, Running, file, labrpc, output};

/// Every way to begin a formula, and ids may begin with one of them.
const FORMULAS: [&str; 9] = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "＝1+1",
    "＋1+1",
    "－1+1",
    "＠SUM(1)",
    "=HYPERLINK(\"x\",\"y\")",
];

/// Texts with a formula in a cell of its own, where a row is split at semicolons or bars.
const SPLIT: [&str; 6] = [
    "a;=1+1",
    "a; \"=1+1\"",
    "a;+1+1;-1+1",
    "a|=1+1",
    "a| '@SUM(1)",
    "a\t=1+1",
];

fn person(id: &str) -> Running {
    let id = format!("--id={id}");
    let rest = "--listen 127.0.0.1:0 --height 178 --weight 60 --size XXL";
    Running::serve([id.as_str()].into_iter().chain(rest.split(' ')))
}

fn csv(arguments: &[&str], input: &Path, path: &Path) {
    let output = output(
        labrpc()
            .args(arguments)
            .arg(input)
            .args(["--format", "csv", "-o"])
            .arg(path),
    );
    assert!([0, 3].contains(&output.status), "{output:?}");
}

/// A survey of every fault and of three people whose ids begin with a minus sign, two of them twins.
fn surveyed(folder: &Path) -> PathBuf {
    let hosts = folder.join("hosts.txt");
    let mut lab = labrpc();
    lab.args(["lab", "--seats", "200", "--faults", "all=50%,escape-id=2"])
        .stdout(fs::File::create(&hosts).unwrap());
    let _room = Running::start(&mut lab, |line| line.contains("seats are open"));
    let people = ["-1-2", "--1", "-x"].map(person);
    let mut list = fs::read_to_string(&hosts).unwrap();
    for person in &people {
        list += &format!("{}\n", person.address());
    }
    fs::write(&hosts, list).unwrap();
    let path = folder.join("survey.csv");
    csv(&["survey", "--max-time", "3s", "--hosts"], &hosts, &path);
    path
}

/// The rankings of people whose ids begin with a minus sign; every tenth has a twin.
fn ranked(folder: &Path) -> [PathBuf; 3] {
    let rows = (0..60).map(|n| format!("-{n}-1,{},60,M\n", 150 + n % 54));
    let people = format!("id,height,weight,size\n{}", rows.collect::<String>());
    let people = file(folder, "people.csv", people);
    let reports: [(&str, &[&str]); 3] = [
        ("pairs.csv", &["rank", "--top", "20"]),
        ("per-person.csv", &["rank", "--per-person"]),
        ("twins.csv", &["rank", "--twins"]),
    ];
    reports.map(|(name, arguments)| {
        let path = folder.join(name);
        csv(arguments, &people, &path);
        path
    })
}

/// A report in which a peer's text is alone in its cell.
fn details(folder: &Path) -> PathBuf {
    let mut hosts = Builder::default();
    let texts = FORMULAS.iter().chain(&SPLIT);
    hosts.argument(&format!("192.0.2.1-{}", texts.clone().count()));
    let answers =
        texts.map(|text| EndpointResult::without_attempt(Outcome::Dns(Untrusted::new(text))));
    let survey = Survey {
        answers: answers.collect(),
        hosts: hosts.build().unwrap(),
    };
    let report = Report::survey(
        RunInfo::since(UNIX_EPOCH + Duration::from_secs(1), Vec::new()),
        survey,
        Options::default(),
    );
    let mut text = Vec::new();
    csv::write(&report, &mut text).unwrap();
    file(folder, "details.csv", text)
}

fn reports(folder: &Path) -> Vec<PathBuf> {
    let mut reports = vec![surveyed(folder), details(folder)];
    reports.extend(ranked(folder));
    reports
}

#[test]
fn python_csv_reads_every_report_without_a_formula() {
    const CHECK: &str = r#"
import csv, re, sys
for path in sys.argv[1:]:
    data = open(path, 'rb').read()
    with open(path, newline='', encoding='utf-8') as file:
        rows = list(csv.reader(file, strict=True))
    for row in rows:
        assert len(row) == len(rows[0]), (path, row)
        for cell in row:
            assert cell[:1] not in tuple('=+-@\t\r\n＝＋－＠'), (path, row)
    for separator in ';|\t':
        with open(path, newline='', encoding='utf-8') as file:
            for row in csv.reader(file, delimiter=separator):
                for cell in row[1:]:
                    assert cell.lstrip(' "\'')[:1] not in tuple('=+-@＝＋－＠') or cell[:1] == "'", (path, row)
    unquoted = re.sub(rb'"[^"]*"', b'', data)
    ends = [unquoted.count(end) for end in (b'\r\n', b'\r', b'\n')]
    assert ends == [len(rows)] * 3, (path, ends, len(rows))
    print(path.split('/')[-1], len(rows), sum(cell[:1] == "'" for row in rows for cell in row))
"#;
    let Some(python) = support::tool("python3") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let reports = reports(folder.path());
    let output = output(Command::new(python).args(["-c", CHECK]).args(&reports));
    assert_eq!(output.status, 0, "{}", output.stderr);
    // Rows with the header, and cells that are guarded: ids, and the details that begin as formulas do.
    let expected = [
        "survey.csv 204 3",
        "details.csv 16 9",
        "pairs.csv 21 40",
        "per-person.csv 61 120",
        "twins.csv 7 6",
    ];
    assert_eq!(output.stdout.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn libreoffice_reads_every_report_without_a_formula() {
    let Some(office) = support::tool("soffice") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let reports = reports(folder.path());
    // Were it to take no cell for a formula, the others would prove nothing.
    let control = file(
        folder.path(),
        "control.csv",
        "a;a,b\r\n=1+1,2\r\nc,\"a;=1+1\"\r\nd,\"a|=1+1\"\r\n",
    );
    let profile = format!(
        "-env:UserInstallation=file://{}/office",
        folder.path().display()
    );
    // Split at commas, at semicolons and at bars; by their codes, and 34 is the quote and 76 UTF-8.
    let splits = ["44,34,76", "59,34,76", "124,34,76", "44/59,34,76"];
    let opened = splits.map(|split| {
        let opened = folder.path().join(split.replace('/', "-"));
        let output = output(
            Command::new(&office)
                .args([&profile, "--headless", "--convert-to", "fods"])
                .args([&format!("--infilter=CSV:{split}"), "--outdir"])
                .arg(&opened)
                .args(&reports)
                .arg(&control),
        );
        assert_eq!(output.status, 0, "{output:?}");
        opened
    });
    let text = |folder: &Path, path: &Path| {
        let name = path.with_extension("fods");
        fs::read_to_string(folder.join(name.file_name().unwrap())).unwrap()
    };
    let formulas =
        |folder: &Path, path: &Path| text(folder, path).matches("table:formula=").count();
    // Behind an open cell only commas are looked at; the first cell begins each row in every split.
    let controls = opened.each_ref().map(|folder| formulas(folder, &control));
    assert_eq!(controls, [1, 2, 2, 1]);
    for folder in &opened {
        for report in &reports {
            assert_eq!(formulas(folder, report), 0, "{}", report.display());
        }
    }
    // They were read, and not as one column.
    for (report, cell) in reports.iter().zip(["-1-2", "=1+1", "-0-1", "-0-1", "-0-1"]) {
        let text = text(&opened[0], report);
        let whole = [format!("<text:p>&apos;{cell}"), format!("<text:p>'{cell}")];
        assert!(
            whole.iter().any(|cell| text.contains(cell)),
            "{}: no {cell}",
            report.display()
        );
    }
}

#[test]
fn survey_csv_with_guarded_ids_is_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let path = surveyed(folder.path());
    let people = read::read(std::slice::from_ref(&path), true, |_| ()).unwrap();

    let mut rows = ::csv::Reader::from_path(&path).unwrap();
    let (mut expected, mut absent) = (Vec::new(), 0);
    for row in rows.records() {
        let row = row.unwrap();
        if row[5].is_empty() {
            absent += 1;
            continue;
        }
        let id = row[5].strip_prefix('\'').unwrap_or(&row[5]);
        let [height, weight] = [&row[6], &row[7]].map(|cell| cell.parse::<f64>().unwrap());
        expected.push(format!("{id}: {height} cm, {weight} kg, {}", &row[8]));
    }
    let found: Vec<String> = people.profiles.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected);
    assert_eq!((people.rejections, people.without_profile), (0, absent));
    assert!(absent > 50, "{absent}");

    let ranked = output(labrpc().arg("rank").arg(&path));
    assert_eq!(ranked.status, 0, "{ranked:?}");
    assert_eq!(
        ranked.stderr,
        format!("note: {absent} endpoints gave no profile\n")
    );
    for twin in ["-1-2", "--1", "-x"] {
        assert!(ranked.stdout.contains(twin), "{}", ranked.stdout);
    }
}
