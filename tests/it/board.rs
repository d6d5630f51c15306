//! The live page: in a browser as servers start and stop, and with browsers that misbehave.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use labrpc::{
    board,
    lab::{self, ServiceKind},
    profile::{Profile, Value},
    question::AnyMethod,
    report::{CompareOptions, Topic},
    schema::Schema,
    serve::{self, listen::Listener},
    survey::hosts::Hosts,
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::{
    browser::{Browser, HANG},
    frames::Raw,
    layout,
    serve::running::Running,
    support::{self, hosts, network},
};

/// A board that runs until it is stopped.
struct Board {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<std::io::Result<()>>,
}

impl Board {
    async fn start(config: board::Config) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), config).await
    }

    async fn at(address: SocketAddr, config: board::Config) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let end = tokio::spawn(board::run(listener, config, async { drop(stopped.await) }));
        Self { address, stop, end }
    }

    async fn stop(self) {
        drop(self.stop);
        self.end.await.unwrap().unwrap();
    }

    fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Sends a request and returns the open connection.
    async fn request(&self, path: &str, host: &str, more: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    /// The first event that contains a text.
    async fn until(&self, text: &str) -> String {
        let mut events = self.request("/events", "localhost", "").await;
        let begin = read_until(&mut events, text).await;
        let rest = read_until(&mut events, "</footer>").await;
        begin + &rest
    }

    async fn get(&self, path: &str, host: &str, more: &str) -> String {
        let mut text = String::new();
        let mut stream = self.request(path, host, more).await;
        stream.read_to_string(&mut text).await.unwrap();
        text
    }
}

/// Reads a stream until it contains `what`.
async fn read_until(stream: &mut TcpStream, what: &str) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(what) {
            return text.into_owned();
        }
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(
            read > 0,
            "{what:?} does not come: {}",
            String::from_utf8_lossy(&bytes)
        );
    }
}

async fn people(seats: usize) -> Vec<Profile> {
    let config = lab::Config {
        seats,
        seed: 1,
        ..lab::Config::default()
    };
    lab::Room::start(config).await.unwrap().people().to_vec()
}

fn quick(hosts: Hosts) -> board::Config {
    board::Config {
        every: Duration::from_millis(100),
        topic: Topic::Profiles(labrpc::similarity::Options {
            top: 6,
            ..Default::default()
        }),
        arguments: vec![
            "board".to_owned(),
            "--hosts".to_owned(),
            "hosts.txt".to_owned(),
        ],
        ..board::Config::new(hosts)
    }
}

fn seat(network: &str, number: usize, person: &Profile) -> Running {
    let address = format!("{network}{number}:1024").parse().unwrap();
    Running::on(
        Listener::tcp(address, false).unwrap(),
        serve::Config::new(person.clone()),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_shows_servers_as_they_start_and_stop() {
    if !cfg!(target_os = "linux") {
        return support::skip("only Linux has the whole of 127.0.0.0/8");
    }
    let Some(browser) = Browser::start().await else {
        return;
    };
    let network = network();
    let people = people(40).await;
    let config = quick(hosts(&format!("{network}1-40")));
    let board = Board::start(config).await;
    let page = browser.page().await;
    page.screen(1920, 1080, "light").await;
    page.open(&board.url()).await;
    page.eval("window.loaded = 'once'").await;
    let lit = |count: usize| format!("document.querySelectorAll('.seat.ok').length === {count}");

    page.until("document.querySelectorAll('.seat.unasked').length === 40")
        .await;
    assert_eq!(
        page.eval("document.querySelector('h1').textContent").await,
        "0 of 40 answered"
    );
    page.screen(1024, 768, "light").await;
    page.picture("board-empty").await;
    let seats = "[...document.querySelectorAll('.seat')].map((seat) => {
        const { top, left, width, height } = seat.getBoundingClientRect();
        return [top, left, width, height].map(Math.round).join();
    })";
    let before = page.eval(seats).await;
    page.screen(1920, 1080, "light").await;
    let mut servers = Vec::new();
    for (number, person) in (1..).zip(&people) {
        servers.push(seat(&network, number, person));
        // Waiting for some of them keeps the test short.
        if number % 10 == 0 || number == 1 {
            page.until(&lit(number)).await;
        }
        if number == 20 {
            assert_eq!(page.count(".seat.unasked").await, 20);
            assert_eq!(page.count(".failures li").await, 0);
            page.picture("board-half").await;
        }
    }
    assert_eq!(
        page.eval("document.querySelector('h1').textContent").await,
        "40 of 40 answered"
    );
    assert!(page.count(".seat.most").await >= 2);
    assert!(page.count(".plot .mark").await > 10);
    page.assert_accessible().await;
    page.picture("board").await;
    for (width, height) in [(1024, 768), (1280, 720), (1920, 1080), (390, 844)] {
        page.screen(width, height, "light").await;
        let what = format!("board-{width}x{height}");
        layout::assert_readable(&page, &what).await;
        if width > 600 {
            layout::assert_room_fits(&page, &what).await;
        }
        page.picture(&what).await;
    }
    page.screen(1024, 768, "light").await;
    assert_eq!(
        page.eval(seats).await,
        before,
        "answers have moved the seats"
    );
    let clock = "document.querySelector('#clock').textContent";
    let time = page.eval(clock).await;
    assert_eq!(time.as_str().unwrap().len(), "10:42:07".len(), "{time}");
    page.until(&format!("{clock} !== {time}")).await;
    page.screen(1920, 1080, "light").await;
    // Details that were unfolded stay so while the page changes.
    page.eval("document.querySelector('#people details').open = true")
        .await;

    servers.remove(6).end().await;
    // A survey during the shutdown may get a reset, which is another class.
    let out = "document.querySelector('#seat-7.absent') !== null";
    page.until(&format!("{} && {out}", lit(39))).await;
    assert_eq!(
        page.eval("document.querySelector('#seat-7 .state').textContent")
            .await,
        "refused",
        "an endpoint that has answered before has failed"
    );
    page.picture("board-killed").await;
    assert_eq!(
        page.eval("document.querySelector('#people details').open")
            .await,
        true
    );

    assert_eq!(
        page.eval("window.loaded").await,
        "once",
        "the page was loaded again"
    );
    assert_eq!(page.events("Page.loadEventFired").len(), 1);
    assert_eq!(page.complaints(), Vec::<String>::new());
    let (url, events) = (board.url(), format!("{}events", board.url()));
    let requests = page.requests();
    assert!(
        requests
            .iter()
            .all(|asked| *asked == url || *asked == events || asked == "data:,"),
        "{requests:?}"
    );
    board.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_reconnects_to_a_restarted_board() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let room = lab::Room::start(lab::Config::default()).await.unwrap();
    let board = Board::start(quick(room.hosts())).await;
    let address = board.address;
    let page = browser.page().await;
    page.open(&board.url()).await;
    page.until("document.querySelectorAll('.seat.ok').length === 40")
        .await;
    board.stop().await;
    page.until("document.getElementById('link').className === 'link lost'")
        .await;
    let fewer: Hosts = room.hosts().iter().take(39).collect();
    let board = Board::at(address, quick(fewer)).await;
    page.until("document.querySelectorAll('.seat').length === 39")
        .await;
    page.until("document.getElementById('link').className === 'link'")
        .await;
    board.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_without_scripts_reloads_itself() {
    let Some(browser) = Browser::start().await else {
        return;
    };
    let room = lab::Room::start(lab::Config::default()).await.unwrap();
    let board = Board::start(quick(room.hosts())).await;
    let page = browser.page().await;
    page.call(
        "Emulation.setScriptExecutionDisabled",
        json!({"value": true}),
    )
    .await;
    page.screen(1280, 720, "light").await;
    page.open(&board.url()).await;
    page.event("Page.loadEventFired", 4).await;
    let metrics = page.call("Page.getLayoutMetrics", json!({})).await;
    assert_eq!(
        metrics["cssVisualViewport"]["pageY"], 0,
        "it has scrolled by itself"
    );
    let document = page.call("DOM.getDocument", json!({"depth": 0})).await;
    let html = page
        .call(
            "DOM.getOuterHTML",
            json!({"nodeId": document["root"]["nodeId"]}),
        )
        .await;
    let html = html["outerHTML"].as_str().unwrap();
    assert!(html.contains("40 of 40 answered"));
    assert!(
        page.requests()
            .iter()
            .all(|asked| !asked.ends_with("/events"))
    );
    board.stop().await;
}

#[tokio::test]
async fn cross_site_and_wrong_host_requests_are_rejected() {
    let board = Board::start(quick(hosts("127.0.0.1:1"))).await;
    for (host, more, status) in [
        ("localhost", "", "200"),
        ("127.0.0.1:8024", "", "200"),
        ("evil.example", "", "403"),
        ("localhost", "Sec-Fetch-Site: cross-site\r\n", "403"),
        ("localhost", "Sec-Fetch-Site: same-origin\r\n", "200"),
        ("localhost", "Origin: http://evil.example\r\n", "403"),
    ] {
        for path in ["/", "/events"] {
            let mut stream = board.request(path, host, more).await;
            let answer = read_until(&mut stream, "\r\n\r\n").await;
            let expected = format!("HTTP/1.1 {status} ");
            assert!(
                answer.starts_with(&expected),
                "{host} {more}{path}: {answer}"
            );
        }
    }
    let page = board.get("/", "localhost", "").await;
    for header in [
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "script-src 'sha256-",
        "frame-ancestors 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(page.contains(header), "{header}: {page:.1000}");
    }
    assert!(
        board
            .get("/x", "localhost", "")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    board.stop().await;
}

#[tokio::test]
async fn anonymous_board_shows_no_personal_data() {
    let room = lab::Room::start(lab::Config {
        // The details of these failures have ids and heights as well.
        faults: "duplicate=1,metres=1".parse().unwrap(),
        ..lab::Config::default()
    })
    .await
    .unwrap();
    let people = room.people();
    let config = board::Config {
        anonymous: true,
        arguments: vec!["--like".to_owned(), people[3].id.to_string()],
        ..quick(room.hosts())
    };
    let board = Board::start(config).await;
    let mut events = board.request("/events", "localhost", "").await;
    let event = read_until(&mut events, "40 of 40 answered, 37 usable").await;
    let rest = read_until(&mut events, "</footer>").await;
    let page = board.get("/", "localhost", "").await;
    assert!(page.contains("40 of 40 answered, 37 usable"));
    for text in [&page, &event, &rest] {
        for person in people {
            assert!(!text.contains(person.id.as_str()), "{}", person.id);
            let [height, weight, ..] = person.build.values().map(Value::with_unit);
            assert!(!text.contains(&height), "{height}");
            assert!(!text.contains(&weight), "{weight}");
        }
        for word in ["distance <b>", "class=\"plot", "<code>", "(id "] {
            assert!(!text.contains(word), "{word}");
        }
    }
    assert!(
        page.contains("duplicate id"),
        "failures are shown without their details"
    );
    let most = page.matches("most\">").count();
    assert!(most >= 2, "{most}");
    board.stop().await;
}

#[tokio::test]
async fn browser_that_does_not_read_is_disconnected_and_delays_no_other() {
    // Events of some 300 kB, so that no socket's buffers hold many of them.
    let config = board::Config {
        client_timeout: Duration::from_millis(300),
        ..quick(hosts("127.0.0.1:[1-1000]"))
    };
    let board = Board::start(config).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        stuck.push(board.request("/events", "localhost", "").await);
    }
    // Meanwhile a browser that reads gets one event after another.
    let mut good = board.request("/events", "localhost", "").await;
    let begun = std::time::Instant::now();
    while !stuck.is_empty() {
        assert!(begun.elapsed() < HANG, "{} are still served", stuck.len());
        read_until(&mut good, "retry: 1000").await;
        // Writing detects a closed connection without reading: it is reset.
        stuck.retain(|stream| match stream.try_write(b"x") {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        });
    }
    board.stop().await;
}

#[tokio::test]
async fn one_address_cannot_use_every_connection_of_the_board() {
    if !cfg!(target_os = "linux") {
        return support::skip("only Linux has the whole of 127.0.0.0/8");
    }
    let board = Board::start(quick(hosts("127.0.0.1:1"))).await;
    for request in ["", "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let connect = async || {
            let mut raw = Raw::connect_from("127.0.0.2", board.address).await.unwrap();
            raw.send(request.as_bytes()).await;
            raw
        };
        let mut held = Vec::new();
        for _ in 0..128 {
            held.push(connect().await);
        }
        // A connection that is closed with its request unread is reset, and the answer may be lost.
        for _ in 0..50 {
            let Raw { mut stream } = Raw::connect_from("127.0.0.2", board.address).await.unwrap();
            let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
            stream.write_all(request).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 503 "), "{answer:.1000}");
        }
        for _ in 0..128 {
            held.push(connect().await);
        }
        let page = board.get("/", "localhost", "").await;
        assert!(page.starts_with("HTTP/1.1 200 "), "{page:.1000}");
    }
    board.stop().await;
}

#[tokio::test]
async fn browser_beyond_the_limit_gets_503_until_another_leaves() {
    let config = board::Config {
        browsers: 3,
        ..quick(hosts("127.0.0.1:1"))
    };
    let board = Board::start(config).await;
    let mut watching = Vec::new();
    for _ in 0..3 {
        let mut stream = board.request("/events", "localhost", "").await;
        read_until(&mut stream, "retry").await;
        watching.push(stream);
    }
    let mut answer = Vec::new();
    let mut late = TcpStream::connect(board.address).await.unwrap();
    late.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains(&format!("Content-Length: {}", body.len())),
        "{answer}"
    );

    watching.pop();
    let begun = std::time::Instant::now();
    // The board notices that a browser has left at its next write.
    loop {
        assert!(begun.elapsed() < HANG, "the connection stays counted");
        let mut stream = TcpStream::connect(board.address).await.unwrap();
        // Rejected while the browser that left is still counted; the write may then fail.
        let _ = stream
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        if answer.starts_with(b"HTTP/1.1 200 ") {
            break;
        }
    }
    board.stop().await;
}

/// A question about the status of a fleet.
fn fleet_status() -> AnyMethod {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let files = files_below(&root.join("fleet"));
    let schema = Schema::compile(&files, &[root]).unwrap();
    let method = schema
        .method(&"fleet.v1.MachineService/GetStatus".parse().unwrap())
        .unwrap();
    AnyMethod::new(method.clone(), method.request("").unwrap())
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn board_shows_the_groups_of_a_fleet() {
    let room = lab::Room::start(lab::Config {
        seats: 30,
        service: ServiceKind::Fleet,
        faults: "drift=3,old-schema=1".parse().unwrap(),
        ..lab::Config::default()
    });
    let room = room.await.unwrap();
    let path = |text: &str| text.parse().unwrap();
    let options = CompareOptions {
        ignore: vec![path("hostName"), path("uptime")],
        fields: vec![path("version")],
        ..CompareOptions::default()
    };
    let config = |anonymous| board::Config {
        topic: Topic::Answers(fleet_status(), options.clone()),
        every: Duration::from_millis(100),
        anonymous,
        ..board::Config::new(room.hosts())
    };
    let board = Board::start(config(true)).await;
    let page = board.until("30 of 30 answered, in 3 groups").await;
    assert!(
        page.contains("differences") && page.contains("group 2"),
        "{page}"
    );
    for secret in ["1.8.1", "4391", "machine-"] {
        assert!(!page.contains(secret), "{secret}");
    }
    board.stop().await;

    let Some(browser) = Browser::start().await else {
        return;
    };
    let board = Board::start(config(false)).await;
    let page = browser.page().await;
    page.screen(1920, 1080, "light").await;
    page.open(&board.url()).await;
    page.until("document.querySelectorAll('.seat.g1').length === 26")
        .await;
    page.until("document.querySelectorAll('.seat.g2').length === 3")
        .await;
    page.until("document.querySelectorAll('.seat.g3').length === 1")
        .await;
    // Rounds go on, and the page stays the same.
    page.until("document.querySelector('#link').textContent.startsWith('Live')")
        .await;
    assert_eq!(page.count("#groups ol.answers > li").await, 3);
    assert_eq!(page.complaints(), Vec::<String>::new());
    page.assert_accessible().await;
    page.picture("board-fleet").await;
    board.stop().await;
}
