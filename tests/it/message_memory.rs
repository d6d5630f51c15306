//! What large answers cost a survey: the memory of a process of its own, and one outcome for every endpoint.

use std::{
    collections::BTreeMap,
    env, fs,
    future::pending,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use labrpc::{
    question::AnyMethod,
    schema::Schema,
    survey::{
        self, Config,
        endpoint::{Address, Endpoint},
        hosts::Hosts,
    },
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};

use crate::frames::{
    DATA, END_HEADERS, Frame, HEADERS, PREFACE, Raw, SETTINGS, WINDOW_UPDATE, block, frame,
};

/// The limit of a message by default.
const LARGEST: usize = 4 * 1024 * 1024;

/// The budget, and what the rest of a process may take.
const MAX_MEMORY: usize = (256 + 64) * 1024;

/// What the peers send. The number of an endpoint is in its address.
#[derive(Clone, Copy)]
enum Answers {
    /// The largest message, another one at each endpoint.
    Distinct,
    /// The largest message, the same at each endpoint.
    Equal,
    /// The largest message as a list of numbers of one byte each, another one at each endpoint.
    Packed,
    /// A list of numbers whose value is just below the limit of one value.
    PackedBelowLimit,
    /// Every endpoint but each eighth announces the largest message and sends nothing of it.
    Announced,
    /// Every endpoint but each eighth announces the largest message and stops within it.
    Begun,
    /// An empty message, and the largest one after it.
    Second,
    /// Nothing: the peer does not read the request, although it permits any length.
    Unread,
}

/// What a peer sends of a message: its length without the prefix, the start, and how often a byte follows.
fn message(answers: Answers, index: u32) -> (usize, Vec<u8>, u8, usize) {
    let (field, length, byte) = match answers {
        Answers::Packed => (7 << 3 | 2, LARGEST - 8, 1),
        Answers::PackedBelowLimit => (7 << 3 | 2, 200_000, 1),
        _ => (1 << 3 | 2, LARGEST - 8, b'a'),
    };
    let mut start = vec![field];
    prost::encoding::encode_varint(length as u64, &mut start);
    let text = match answers {
        Answers::Equal => "00000000".to_owned(),
        _ => format!("{index:08}"),
    };
    // A digit is a number of one byte as well.
    start.extend(text.as_bytes());
    let rest = length - text.len();
    (start.len() + rest, start, byte, rest)
}

async fn serve(stream: TcpStream, answers: Answers, filler: Bytes) {
    let SocketAddr::V4(local) = stream.local_addr().unwrap() else {
        panic!("an IPv4 listener");
    };
    if let Answers::Unread = answers {
        let window = i32::MAX as u32;
        // SETTINGS_INITIAL_WINDOW_SIZE.
        let settings = [&4_u16.to_be_bytes()[..], &window.to_be_bytes()].concat();
        let more = (window - 65_535).to_be_bytes();
        let mut raw = Raw { stream };
        raw.send(&frame(SETTINGS, 0, 0, &settings)).await;
        raw.send(&frame(WINDOW_UPDATE, 0, 0, &more)).await;
        return pending().await;
    }
    let index = local.ip().to_bits() - Ipv4Addr::LOCALHOST.to_bits();
    let (length, start, _, rest) = message(answers, index);
    let mut head = vec![0];
    head.extend((length as u32).to_be_bytes());
    let begun = match answers {
        Answers::Announced => 0,
        Answers::Begun => 20_000,
        _ => usize::MAX,
    };
    if begun < rest && !index.is_multiple_of(8) {
        let content = [("content-type", "application/grpc"), (":status", "200")];
        let headers = block(&[content[1], content[0]]);
        let data = [&head[..], &start, &filler[..begun]].concat();
        let mut raw = Raw { stream };
        let mut preface = [0; PREFACE.len()];
        raw.stream.read_exact(&mut preface).await.unwrap();
        raw.until(Frame::ends_stream).await;
        raw.send(&frame(SETTINGS, 0, 0, &[])).await;
        raw.send(&frame(HEADERS, END_HEADERS, 1, &headers)).await;
        for part in data.chunks(16_384) {
            raw.send(&frame(DATA, 0, 1, part)).await;
        }
        // Until the client gives up.
        raw.rest().await;
        return;
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let response = Response::builder()
            .header("content-type", "application/grpc")
            .body(())
            .unwrap();
        let mut stream = respond.send_response(response, false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        if let Answers::Second = answers {
            head.splice(0..0, [0; 5]);
        }
        head.extend(&start);
        // h2 keeps what the window does not allow yet.
        let _ = stream.send_data(Bytes::from(std::mem::take(&mut head)), false);
        let _ = stream.send_data(filler.slice(..rest), false);
        let _ = stream.send_trailers(trailers);
    }
}

/// Asks so many peers in a process of its own. Returns the outcomes with their numbers, and the memory in KiB.
async fn survey(answers: Answers, peers: u32, max_time: u32) -> (BTreeMap<String, u32>, usize) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (.., byte, rest) = message(answers, 0);
    let request = match answers {
        Answers::Unread => LARGEST,
        _ => 0,
    };
    let filler = Bytes::from(vec![byte; rest]);
    let server = tokio::spawn(async move {
        loop {
            if let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answers, filler.clone()));
            }
        }
    });
    let run = tokio::process::Command::new(env::current_exe().unwrap())
        .args(["--exact", "message_memory::child_with_large_answers"])
        .args(["--ignored", "--nocapture"])
        .env(
            "LABRPC_TEST_PEERS",
            format!("{port} {peers} {max_time} {request}"),
        )
        .output()
        .await
        .unwrap();
    server.abort();
    let output = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{output}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let mut memory = 0;
    let mut outcomes = BTreeMap::new();
    for line in output.lines() {
        if let Some(kib) = line.strip_prefix("memory ") {
            memory = kib.parse().unwrap();
        }
        if let Some((outcome, count)) = line
            .strip_prefix("outcome ")
            .and_then(|l| l.rsplit_once(' '))
        {
            outcomes.insert(outcome.to_owned(), count.parse().unwrap());
        }
    }
    println!("{outcomes:?}, {} MiB", memory / 1024);
    assert_eq!(outcomes.values().sum::<u32>(), peers, "{output}");
    assert!(memory > 0, "{output}");
    (outcomes, memory)
}

#[tokio::test]
#[ignore = "the other half of the tests in this file"]
async fn child_with_large_answers() {
    let text = env::var("LABRPC_TEST_PEERS").unwrap();
    let numbers: Vec<u32> = text.split(' ').map(|n| n.parse().unwrap()).collect();
    let &[port, peers, max_time, request] = &numbers[..] else {
        panic!("{text}");
    };
    let hosts: Hosts = (0..peers)
        .map(|index| {
            let ip = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + index);
            Endpoint {
                address: Address::Ip(IpAddr::V4(ip), port as u16),
                raw: false,
            }
        })
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
    let schema = Schema::compile(&[root.join("sample/service.proto")], &[root]).unwrap();
    let method = schema.method(&"sample.v1.Inventory/Get".parse().unwrap());
    // Valid requests are all the same to a peer that does not read them.
    let mut question = AnyMethod::new(method.unwrap(), Bytes::from(vec![0; request as usize]));
    question.is_idempotent = false;
    let config = Config {
        concurrency: NonZeroUsize::new(1024).unwrap(),
        connect_timeout: Duration::from_secs(60),
        max_time: Duration::from_secs(max_time.into()),
        ..Config::default()
    };
    let results = survey::run(&hosts, &question, &config, |_, _| {}, pending()).await;
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for result in results {
        let detail = result.outcome.detail().unwrap_or_default();
        let text = format!("{} {detail}", result.outcome.name());
        *outcomes.entry(text.trim().to_owned()).or_default() += 1;
    }
    for (outcome, count) in outcomes {
        println!("outcome {outcome} {count}");
    }
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    println!("memory {peak}");
}

const DISTINCT: &str = "too_large the large distinct answers of this run take more than 128 MiB";

/// How many of the distinct largest messages fit into that.
const KEPT: u32 = 32;

/// As many of the distinct answers as fit are kept; the others have an outcome that names the limit.
async fn large_answers_are_bounded(peers: u32) {
    let (outcomes, memory) = survey(Answers::Distinct, peers, 300).await;
    assert_eq!(outcomes["ok"], KEPT, "{outcomes:?}");
    assert_eq!(outcomes[DISTINCT], peers - KEPT, "{outcomes:?}");
    assert!(memory < MAX_MEMORY, "{memory} KiB");

    let (outcomes, memory) = survey(Answers::Equal, peers, 300).await;
    assert_eq!(outcomes["ok"], peers, "{outcomes:?}");
    assert!(memory < MAX_MEMORY / 2, "{memory} KiB");
}

#[tokio::test]
async fn large_answers_of_many_peers_take_bounded_memory() {
    large_answers_are_bounded(160).await;
}

#[tokio::test]
#[ignore = "reads 8 GiB"]
async fn large_answers_of_1024_peers_take_bounded_memory() {
    large_answers_are_bounded(1024).await;
}

/// A second message would be read into memory that nothing limits.
#[tokio::test]
async fn second_message_is_rejected_within_the_memory_of_a_small_one() {
    let (outcomes, memory) = survey(Answers::Second, 160, 300).await;
    let reason = "other: more than one message in the response of a unary method";
    assert_eq!(outcomes[&format!("not_grpc {reason}")], 160, "{outcomes:?}");
    assert!(memory < MAX_MEMORY / 4, "{memory} KiB");
}

/// The request is the same for all, so it is not copied for each of the peers that leave it unread.
#[tokio::test]
async fn large_requests_take_bounded_memory() {
    let (outcomes, memory) = survey(Answers::Unread, 128, 3).await;
    assert_eq!(outcomes["timeout headers"], 128, "{outcomes:?}");
    assert!(memory < MAX_MEMORY / 4, "{memory} KiB");
}

/// A byte of a packed field may become 200 of a value.
#[tokio::test]
async fn packed_numbers_take_bounded_memory() {
    let (outcomes, memory) = survey(Answers::Packed, 64, 300).await;
    assert_eq!(
        outcomes["too_large its values take too much memory"], 64,
        "{outcomes:?}"
    );
    assert!(memory < MAX_MEMORY, "{memory} KiB");
    let (outcomes, memory) = survey(Answers::PackedBelowLimit, 64, 300).await;
    assert_eq!(outcomes["ok"], 64, "{outcomes:?}");
    assert!(memory < MAX_MEMORY, "{memory} KiB");
}

/// Peers that announce a large message, and peers that stop within one, do not keep others from theirs. The call is
/// not idempotent: nothing is asked again.
#[tokio::test]
async fn stalled_large_answers_do_not_starve_others() {
    let (announced, begun) = tokio::join!(
        survey(Answers::Announced, 256, 12),
        survey(Answers::Begun, 48, 12)
    );
    for ((outcomes, memory), peers) in [(announced, 256), (begun, 48)] {
        let answering = peers / 8;
        assert_eq!(outcomes["ok"], answering.min(KEPT), "{outcomes:?}");
        assert_eq!(outcomes["timeout body"], peers - answering, "{outcomes:?}");
        assert!(memory < MAX_MEMORY, "{memory} KiB");
    }
}
