//! Reload and restart under load: files are replaced and processes restarted while clients call without a pause.
//!
//! The short forms run with all tests; the long ones, a thousand reloads and a hundred restarts, are run with
//! `cargo test --test it reload_restart -- --ignored`.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use labrpc::{
    pb::{GetProfileRequest, profile_client::ProfileClient},
    tls::{self, ca},
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tonic::transport::{Channel, Endpoint};

use crate::{
    frames::{self, Raw},
    process::{Process, Settings},
    serve::running::{TlsConnect, shown},
};

/// Calls without a pause, and their results.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    calls: AtomicU64,
    retried: AtomicU64,
    lost: AtomicU64,
}

impl Load {
    /// Makes `rate` calls a second over four channels until stopped. A call that fails is repeated once where
    /// `retry` allows it; what fails then is lost.
    fn start(
        rate: u32,
        retry: bool,
        endpoint: impl Fn() -> Channel + Send + 'static,
    ) -> (Arc<Self>, tokio::task::JoinHandle<()>) {
        let load = Arc::new(Self::default());
        let shared = Arc::clone(&load);
        let task = tokio::spawn(async move {
            let channels: Vec<Channel> = (0..4).map(|_| endpoint()).collect();
            // Eight calls a tick: timers have a resolution of a millisecond.
            let mut ticks = interval(Duration::from_secs(8) / rate);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut calls = JoinSet::new();
            while !shared.stop.load(Relaxed) {
                ticks.tick().await;
                for n in 0..8 {
                    // Few enough for this client: a call that waits in the client's own queue through a restart
                    // does not test the server.
                    if calls.len() >= 256 {
                        calls.join_next().await;
                    }
                    let client = ProfileClient::new(channels[n % 4].clone());
                    let load = Arc::clone(&shared);
                    calls.spawn(async move { load.call(client, retry).await });
                }
                while calls.try_join_next().is_some() {}
            }
            calls.join_all().await;
        });
        (load, task)
    }

    async fn call(&self, mut client: ProfileClient<Channel>, retry: bool) {
        self.calls.fetch_add(1, Relaxed);
        let mut once = async || {
            let answer = timeout(
                Duration::from_secs(30),
                client.get_profile(GetProfileRequest {}),
            );
            answer.await.is_ok_and(|answer| answer.is_ok())
        };
        if once().await {
            return;
        }
        if retry {
            self.retried.fetch_add(1, Relaxed);
            // The channel must have time to notice that its connection is closed.
            sleep(Duration::from_millis(50)).await;
            if once().await {
                return;
            }
        }
        self.lost.fetch_add(1, Relaxed);
    }
}

pub(crate) fn write_profile(folder: &Path, id: &str) {
    let text = format!("id = \"{id}\"\nheight = 178\nweight = 60\nsize = \"XXL\"\n");
    fs::write(folder.join("profile.toml"), text).unwrap();
}

/// Replaces profile and certificate `count` times under load. Two thirds of the new files are truncated.
async fn reloads(count: usize, rate: u32) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ca::create(path).unwrap();
    let identities = ["a.example", "b.example"].map(|name| {
        let names = [name, "127.0.0.1"].map(|name| name.parse().unwrap());
        ca::issue(path, &names[0], &names[1..]).unwrap()
    });
    let install = |identity: &ca::CertFiles| {
        fs::copy(&identity.key, path.join("server.key.pem")).unwrap();
        fs::copy(&identity.cert, path.join("server.pem")).unwrap();
    };
    install(&identities[0]);
    write_profile(path, "first");
    let server = Process::start(&Settings {
        folder: Some(path.to_owned()),
        ..Settings::default()
    });
    let address = server.address;
    let ca = path.join("ca.pem");
    let trusting = tls::client(Some(&ca), None, false).unwrap();
    let (load, task) = Load::start(rate, false, {
        let trusting = Arc::clone(&trusting);
        move || {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            endpoint.connect_with_connector_lazy(TlsConnect(Arc::clone(&trusting), address))
        }
    });
    // New connections as well: only they use a new certificate.
    let mut handshakes = 0;
    for n in 0..count {
        match n % 3 {
            0 => {
                write_profile(path, &format!("n{n}"));
                install(&identities[n / 3 % 2]);
            }
            1 => fs::write(path.join("profile.toml"), "id = \"half\nheig").unwrap(),
            _ => {
                let whole = fs::read(&identities[0].cert).unwrap();
                fs::write(path.join("server.pem"), &whole[..whole.len() / 2]).unwrap();
            }
        }
        server.signal("HUP");
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let connector = TlsConnect(Arc::clone(&trusting), address);
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        let answer = ProfileClient::new(channel)
            .get_profile(GetProfileRequest {})
            .await;
        let id = answer.unwrap().into_inner().id;
        assert!(id == "first" || id.starts_with('n'), "{id}");
        handshakes += 1;
    }
    // In the end the last good profile is served.
    write_profile(path, "last");
    server.signal("HUP");
    let mut client = ProfileClient::connect_to(address).await;
    let mut id = async || {
        let answer = client.get_profile(GetProfileRequest {}).await;
        answer.unwrap().into_inner().id
    };
    let last = async { while id().await != "last" {} };
    timeout(Duration::from_secs(60), last)
        .await
        .expect("the last profile is served");
    // So is either certificate after it was installed.
    for identity in &identities {
        install(identity);
        server.signal("HUP");
        let wanted = CertificateDer::from_pem_file(&identity.cert).unwrap();
        let new = async { while shown(address, &trusting).await != wanted {} };
        timeout(Duration::from_secs(60), new)
            .await
            .expect("the new certificate is served");
    }
    load.stop.store(true, Relaxed);
    task.await.unwrap();
    let (calls, lost) = (load.calls.load(Relaxed), load.lost.load(Relaxed));
    println!("{count} reloads: {calls} calls, {handshakes} new connections, {lost} failed");
    assert_eq!(lost, 0, "of {calls} calls");
    assert!(calls > 0);
}

/// A client over plaintext on a new connection.
trait ConnectTo {
    async fn connect_to(address: SocketAddr) -> Self;
}

impl ConnectTo for ProfileClient<Channel> {
    async fn connect_to(address: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self::new(endpoint.connect().await.unwrap())
    }
}

/// Restarts a server `count` times: the new process shares the port before the old one ends. Peers that never finish
/// their requests are connected to each.
async fn restarts(count: usize, rate: u32) {
    let mut old = Process::start(&Settings::default());
    let settings = Settings {
        listen: Some(old.address),
        ..Settings::default()
    };
    let address = old.address;
    let (load, task) = Load::start(rate, true, move || {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        endpoint.connect_lazy()
    });
    let mut longest = Duration::ZERO;
    for _ in 0..count {
        let new = Process::start(&settings);
        let mut half = Raw::connect(address).await;
        half.send(&frames::PREFACE[..10]).await;
        let idle = Raw::open(address, &[]).await;
        let start = Instant::now();
        old.signal("TERM");
        let status = tokio::task::block_in_place(|| old.wait());
        longest = longest.max(start.elapsed());
        assert!(status.success(), "{status}");
        old = new;
        drop((half, idle));
        let settled = load.calls.load(Relaxed) + 1_000;
        while load.calls.load(Relaxed) < settled {
            sleep(Duration::from_millis(1)).await;
        }
    }
    load.stop.store(true, Relaxed);
    task.await.unwrap();
    let [calls, retried, lost] =
        [&load.calls, &load.retried, &load.lost].map(|count| count.load(Relaxed));
    println!(
        "{count} restarts: {calls} calls, {retried} retried, {lost} lost, longest exit {longest:?}"
    );
    assert_eq!(lost, 0, "of {calls} calls");
    assert!(calls > 0);
    // The drain timeout is a second; the rest depends on the load of the machine.
    assert!(longest < Duration::from_secs(20), "{longest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_reloads_fail_no_call() {
    reloads(10, 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_restarts_lose_no_call() {
    restarts(3, 400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute"]
async fn a_thousand_reloads_fail_no_call() {
    reloads(1_000, 2_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes three minutes"]
async fn a_hundred_restarts_lose_no_call() {
    restarts(100, 2_000).await;
}
