//! Fair shares: no few addresses can take so many connections that others get none.

use std::{net::SocketAddr, process::Command, time::Duration};

use tokio::{io::AsyncWriteExt as _, time::timeout};

use crate::{
    frames::Raw,
    process::{Process, Settings},
    serve::running::{Running, config, scrape_from},
    support,
};

/// A call that takes longer is not answered.
pub(crate) const HANG: Duration = Duration::from_secs(30);

/// Whether `source` gets an answer to a whole call.
pub(crate) async fn calls_from(source: &str, to: SocketAddr) -> bool {
    timeout(HANG, call(source, to)).await.unwrap_or(false)
}

async fn call(source: &str, to: SocketAddr) -> bool {
    let Ok(mut raw) = Raw::connect_from(source, to).await else {
        return false;
    };
    if !raw.handshake(&[]).await {
        return false;
    }
    raw.call(1, &[]).await;
    let answered = raw.until(|frame| frame.ends_stream()).await.is_some();
    // So that the next call finds the slot of this connection free.
    let _ = raw.stream.shutdown().await;
    raw.rest().await;
    answered
}

#[tokio::test]
async fn idle_connections_leave_descriptors_to_other_addresses() {
    let works = Command::new("prlimit").arg("--version").output();
    if works.is_err() {
        return support::skip("prlimit is not installed");
    }
    for descriptors in [64, 256, 1_024] {
        let server = Process::start(&Settings {
            wrapper: vec![
                "prlimit".to_owned(),
                format!("--nofile={descriptors}:{descriptors}"),
            ],
            ..Settings::default()
        });
        let mut idle = Vec::new();
        for n in 0..descriptors + 64 {
            let source = format!("127.0.0.{}", 2 + n % 6);
            // Without a descriptor left, the server accepts the connection later.
            if let Ok(mut raw) = Raw::connect_from(&source, server.address).await {
                let served = timeout(Duration::from_millis(500), raw.handshake(&[])).await;
                if served != Ok(false) {
                    idle.push(raw);
                }
            }
        }
        assert!(
            idle.len() >= descriptors / 4,
            "{descriptors}: {}",
            idle.len()
        );
        for call in 0..20 {
            let answered = calls_from("127.0.0.77", server.address).await;
            assert!(answered, "{descriptors} descriptors: call {call}");
        }
    }
}

#[tokio::test]
async fn silent_connections_do_not_keep_a_scraper_out() {
    let (_server, metrics) = Running::with_metrics(config());
    // As many as one address may hold, and more; sixteen are fewer than that.
    for count in [16, 48] {
        let mut silent = Vec::new();
        for _ in 0..count {
            silent.push(Raw::connect_from("127.0.0.2", metrics).await.unwrap());
        }
        let others: &[&str] = match count {
            16 => &["127.0.0.2", "127.0.0.3"],
            _ => &["127.0.0.3"],
        };
        for source in others {
            let text = scrape_from(source, metrics).await;
            assert!(text.starts_with("HTTP/1.1 200 OK"), "{source}: {text:?}");
        }
    }
}
