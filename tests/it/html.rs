//! The report as a page: its content, its accessibility, and that text from peers is never markup.

use std::time::{Duration, UNIX_EPOCH};

use labrpc::{
    lab,
    profile::Profile,
    report::{Answer, Findings, RankedPeople, Report, RunInfo, Survey, View, html, table},
    similarity::Options,
    survey::{
        endpoint::Endpoint,
        hosts::Hosts,
        outcome::{AttemptPhase, EndpointResult, OtherProtocol, Outcome, Protocol},
    },
    untrusted::Untrusted,
};

use crate::{
    browser::{Browser, Page},
    support::hosts,
};

/// Text that does harm if it is not escaped.
const HOSTILE: &str = "<script>window.pwned=1</script>\"><img src=x onerror=window.pwned=2>'\x1b[2J\u{202e}=1+1 &amp;";

pub(crate) fn answer(outcome: Outcome<Answer>) -> EndpointResult<Answer> {
    EndpointResult {
        attempts: 1,
        elapsed: Duration::from_millis(2),
        ..EndpointResult::without_attempt(outcome)
    }
}

/// A report of a simulated room, in which `spoil` gives the outcome of a seat that failed.
fn report(
    hosts: Hosts,
    people: Vec<Profile>,
    spoil: impl Fn(usize) -> Option<Outcome<Answer>>,
) -> Report {
    let answers = people
        .into_iter()
        .enumerate()
        .map(|(seat, profile)| {
            answer(spoil(seat + 1).unwrap_or(Outcome::Ok {
                protocol: Protocol::Grpc,
                answer: Answer::Profile(profile),
            }))
        })
        .collect();
    let arguments = ["survey", "--hosts", "hosts.txt", HOSTILE];
    Report::survey(
        RunInfo::since(
            UNIX_EPOCH + Duration::from_secs(1_763_798_400),
            arguments.map(str::to_owned).to_vec(),
        ),
        Survey { hosts, answers },
        Options {
            top: 10,
            ..Options::default()
        },
    )
}

/// Forty seats, of which seven fail in different ways; two people are twins.
pub(crate) async fn class() -> Report {
    let mut people = people(40).await;
    people[30] = Profile {
        id: people[30].id,
        ..people[11].clone()
    };
    let twin = people[4].clone();
    let hosts = hosts("192.168.1.1-2,192.168.1.3:39073,192.168.1.4-40");
    report(hosts, people, move |seat| {
        Some(match seat {
            3 | 14 => Outcome::Refused,
            9 => Outcome::Status {
                code: tonic::Code::Internal,
                message: Untrusted::new(HOSTILE),
            },
            17 => Outcome::NotGrpc(
                OtherProtocol::Http1,
                Untrusted::new("HTTP/1.1 400 Bad Request"),
            ),
            22 => Outcome::Timeout(AttemptPhase::Connect),
            28 => Outcome::Ok {
                protocol: Protocol::Raw,
                answer: Answer::Profile(twin.clone()),
            },
            36 => Outcome::Invalid(labrpc::survey::outcome::Invalid::Message(Untrusted::new(
                HOSTILE,
            ))),
            _ => return None,
        })
    })
}

/// Seats whose ids and addresses are as long as they can be; three pairs tie.
pub(crate) async fn long_names() -> Report {
    let mut people = people(24).await;
    for (seat, person) in people.iter_mut().enumerate() {
        let id = format!("Student_of_the_year_2026-{seat:07}");
        *person = serde_json::from_value(serde_json::json!({
            "id": id,
            "height": 150.5 + f64::from(u32::try_from(seat / 2).unwrap()) * 2.0,
            "weight": 100.5,
            "size": "XXXL",
        }))
        .unwrap();
    }
    let text = "lab[01-08].computing.example:12345,[2001:db8:1234:5678:9abc:def0:1234:5678]:1024,\
        [2001:db8::1],[2001:db8::a],[2001:db8::1f],10.0.0.[1-11]:2048,workstation-without-number.example";
    let hosts = hosts(text);
    people.truncate(hosts.len());
    report(hosts, people, |seat| {
        (seat == 2).then_some(Outcome::Reset { json_began: false })
    })
}

/// More endpoints than a room has, of which one in ten fails.
pub(crate) async fn many(endpoints: usize) -> Report {
    let hosts = hosts("10.0.0.0/15").first(endpoints);
    report(hosts, people(endpoints).await, |seat| {
        (seat % 10 == 0 && seat < endpoints / 2).then(|| match seat % 3 {
            0 => Outcome::Refused,
            1 => Outcome::Timeout(AttemptPhase::Connect),
            _ => Outcome::Status {
                code: tonic::Code::Internal,
                message: Untrusted::new(&format!("{seat} {HOSTILE}")),
            },
        })
    })
}

async fn people(seats: usize) -> Vec<Profile> {
    let room = lab::Room::start(lab::Config {
        seats,
        // With this seed no two of the first forty are identical.
        seed: 1,
        ..lab::Config::default()
    });
    room.await.unwrap().people().to_vec()
}

fn page(report: &Report) -> String {
    let mut page = Vec::new();
    let view = View {
        title: Some("Class 3b, computer room 2"),
        ..View::default()
    };
    html::write(report, &view, &mut page).unwrap();
    String::from_utf8(page).unwrap()
}

pub(crate) async fn open(page: &Page, report: &Report) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, self::page(report)).unwrap();
    page.open(&format!("file://{}", file.display())).await;
    folder
}

#[tokio::test]
async fn text_from_peers_is_escaped_in_the_page() {
    let page = page(&class().await);
    assert!(!page.contains("<script"), "a script got in");
    assert!(!page.contains("<img"), "an image got in");
    assert!(
        page.contains("&#60;script&#62;window.pwned=1"),
        "the message is not there at all"
    );
    for c in page.chars() {
        assert!(c == '\n' || !c.is_control(), "U+{:04X}", u32::from(c));
        assert!(
            !('\u{202a}'..='\u{202e}').contains(&c),
            "U+{:04X}",
            u32::from(c)
        );
    }
}

#[tokio::test]
async fn page_is_worded_for_readers() {
    let mut people = people(3).await;
    people.truncate(1);
    let lonely = page(&report(hosts("10.0.0.1"), people, |_| None));
    for text in [
        "A table of one person",
        "1 seat, at 10.0.0.N on port 1024",
        "<td>10.0.0.1:1024</td>",
    ] {
        assert!(lonely.contains(text), "{text}: {lonely}");
    }
    assert!(
        !lonely.contains("most alike</li>"),
        "nothing is marked in the plot"
    );
    let close: [Profile; 2] = [(170, "a"), (170, "b")].map(|(height, id)| {
        let weight = if id == "a" { "60" } else { "60.1" };
        let text = format!(r#"{{"id":"{id}","height":{height},"weight":{weight},"size":"M"}}"#);
        serde_json::from_str::<Profile>(&text).unwrap()
    });
    let metres = Outcome::Invalid(labrpc::survey::outcome::Invalid::Message(Untrusted::new(
        "height 1.78 is not within 50 to 272 cm (is that in metres?)",
    )));
    let hosts = hosts("10.0.0.1-3");
    let mut people = close.to_vec();
    people.push(people[0].clone());
    let page = page(&report(hosts, people, |seat| {
        (seat == 3).then(|| metres.clone())
    }));
    for text in [
        "similarity <b>0.9996</b>",
        "invalid data: height 1.78 is not within 50 to 272 cm (is that in metres?)</p>",
        "Made by labrpc ",
        " on <time datetime=\"2025-11-22T08:00:00Z\">22 November 2025, 08:00 UTC</time>, with",
        "a full bar is 0.5.",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains('`'), "markup of another format: {page}");
}

#[tokio::test]
async fn page_in_a_browser_is_accessible_runs_no_script_and_requests_nothing() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    page.screen(1920, 1080, "light").await;
    let report = class().await;
    let folder = open(&page, &report).await;

    assert_eq!(page.count(".seat").await, 40);
    for (state, count) in [
        ("ok", 32),
        ("data", 3),
        ("wrong", 2),
        ("silent", 1),
        ("absent", 2),
    ] {
        assert_eq!(
            page.count(&format!(".seat.{state}")).await,
            count,
            "{state}"
        );
    }
    // The twins: their seats are marked, and in the plot a ring is around the mark that is both of them.
    assert_eq!(page.count(".seat.most").await, 2);
    assert_eq!(page.count(".plot .joins > *").await, 1);
    let Findings::Ranking(RankedPeople {
        people, ranking, ..
    }) = &report.findings
    else {
        panic!("{report:?}")
    };
    let people = people.people();
    let [a, b] = [&people[ranking.pairs[0].a], &people[ranking.pairs[0].b]];
    let joined = page
        .eval(
            "(() => {
                const ring = document.querySelector('.joins circle').getBoundingClientRect();
                const centre = [ring.x + ring.width / 2, ring.y + ring.height / 2];
                const near = [...document.querySelectorAll('.plot .mark')].filter((mark) => {
                    const use = mark.querySelector('use').getBoundingClientRect();
                    return Math.hypot(use.x + use.width / 2 - centre[0], use.y + use.height / 2 - centre[1]) < 3;
                });
                return near.map((mark) => mark.querySelector('title').textContent);
            })()",
        )
        .await;
    assert_eq!(
        joined,
        serde_json::json!([format!("{}, {}: {}", a.id, b.id, a.build)])
    );

    assert_eq!(page.eval("typeof window.pwned").await, "undefined");
    assert_eq!(
        page.count("script, img, iframe, object, [onerror]").await,
        0
    );
    let file = format!("file://{}/report.html", folder.path().display());
    let requests = page.requests();
    assert!(
        requests.iter().all(|url| *url == file || url == "data:,"),
        "{requests:?}"
    );
    assert_eq!(page.complaints(), Vec::<String>::new());
    page.assert_accessible().await;
    page.picture("report-light").await;

    // The policy blocks scripts and requests of markup that was not escaped.
    let injected = "(() => {
        const script = document.createElement('script');
        script.textContent = 'window.pwned = 3';
        document.body.append(script);
        new Image().src = 'http://127.0.0.1:9/';
        script.remove();
        return typeof window.pwned;
    })()";
    assert_eq!(page.eval(injected).await, "undefined");
    page.event("Network.loadingFailed", 1).await;
    for failed in page.events("Network.loadingFailed") {
        assert_eq!(failed["blockedReason"], "csp", "{failed}");
    }

    page.screen(1920, 1080, "dark").await;
    page.assert_accessible().await;
    page.picture("report-dark").await;
    page.screen(390, 844, "light").await;
    let wide = "document.documentElement.scrollWidth > innerWidth";
    assert_eq!(
        page.eval(wide).await,
        false,
        "the page is wider than a phone"
    );
    page.assert_accessible().await;
    page.picture("report-phone").await;
}

#[tokio::test]
async fn closest_pair_is_linked_by_a_line_in_the_plot() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    let people = [
        r#"{"id":"1","height":170,"weight":60,"size":"M"}"#,
        r#"{"id":"2","height":171,"weight":61,"size":"M"}"#,
        r#"{"id":"3","height":185,"weight":80,"size":"XL"}"#,
    ];
    let people = people
        .iter()
        .map(|text| serde_json::from_str(text).unwrap());
    let report = report(hosts("lab[1-3].example"), people.collect(), |_| None);
    let _folder = open(&page, &report).await;
    let ends = page
        .eval(
            "(() => {
                const line = document.querySelector('.joins line');
                const end = (x, y) => [line.getAttribute(x), line.getAttribute(y)].join();
                const ends = [end('x1', 'y1'), end('x2', 'y2')];
                return [...document.querySelectorAll('.plot .mark')]
                    .filter((mark) => ends.includes([mark.getAttribute('x'), mark.getAttribute('y')].join()))
                    .map((mark) => mark.querySelector('title').textContent.split(':')[0]);
            })()",
        )
        .await;
    assert_eq!(ends, serde_json::json!(["1", "2"]));
    // The middle name has the pair's own distance, by hand: 7 + 5.
    assert_eq!(
        page.eval("document.querySelector('.alike').innerText.includes('distance 12')")
            .await,
        true
    );
}

#[test]
fn identical_people_are_grouped_by_the_same_rule_in_table_and_page() {
    let twins = |pairs: usize| {
        let people = (0..2 * pairs).map(|number| {
            let height = 150 + number / 2;
            let text = format!(r#"{{"id":"t{number}","height":{height},"weight":60,"size":"M"}}"#);
            serde_json::from_str(&text).unwrap()
        });
        let people = people.collect();
        Report::files(
            RunInfo::since(UNIX_EPOCH, Vec::new()),
            labrpc::report::Subjects::People(people),
            Vec::new(),
            0,
            Options::default(),
        )
    };
    for (pairs, grouped) in [(10, false), (11, true)] {
        let report = twins(pairs);
        let mut table = Vec::new();
        table::write(&report, &View::default(), None, &mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        let page = page(&report);
        for (text, pair) in [(&table, "t0 and t1:"), (&page, "t0 and t1</h3>")] {
            assert_eq!(
                text.contains("Identical people: "),
                grouped,
                "{pairs}: {text}"
            );
            assert_eq!(text.contains(pair), !grouped, "{pairs}: {text}");
        }
    }
}

#[tokio::test]
async fn page_of_100_000_endpoints_is_small_and_drawn_as_blocks() {
    let seats = 100_000;
    let report = report(
        hosts("10.0.0.0/15").first(seats),
        people(seats).await,
        |seat| {
            (seat % 10 == 0).then(|| Outcome::Status {
                code: tonic::Code::Internal,
                message: Untrusted::new(&format!("{seat} {HOSTILE}")),
            })
        },
    );
    let text = page(&report);
    assert!(text.len() < 1_000_000, "{} bytes", text.len());
    assert_eq!(text.matches("class=\"block\"").count(), 118);
    assert!(text.contains("100,000 endpoints"), "how many there are");
    assert!(text.contains("each for another reason"));
    assert!(text.contains("occupied positions are drawn"));
    // Groups instead of their millions of pairs.
    assert!(
        text.contains(" further apart. Identical people are listed as groups; the largest has ")
    );
    assert!(!text.contains("<h3>"));

    let Some(browser) = Browser::start().await else {
        return;
    };
    let page = browser.page().await;
    page.screen(1920, 1080, "light").await;
    let _folder = open(&page, &report).await;
    page.assert_accessible().await;
    page.picture("report-campus").await;
}

/// The first endpoints of a list.
trait First {
    fn first(self, count: usize) -> Hosts;
}

impl First for Hosts {
    fn first(self, count: usize) -> Hosts {
        let endpoints: Vec<Endpoint> = self.iter().take(count).collect();
        endpoints.into_iter().collect()
    }
}
