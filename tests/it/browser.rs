//! A real Chromium without a window, driven over a pipe with its own DevTools protocol.
//!
//! The pipe needs neither a driver program nor a WebSocket, and the protocol tells a test what WebDriver does
//! not: every request, every console message, and what a page looks like in the dark, on a phone or without
//! scripts.

use std::{
    collections::HashMap,
    path::Path,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    sync::{Notify, oneshot},
};

use crate::support;

/// A hang ends a test; no test depends on how long anything takes.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// A running browser; it dies with the test.
pub(crate) struct Browser {
    shared: Arc<Shared>,
    _child: Child,
    _profile: tempfile::TempDir,
}

struct Shared {
    input: tokio::sync::Mutex<ChildStdin>,
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    events: Mutex<Vec<Value>>,
    news: Notify,
}

impl Browser {
    /// Starts the browser, or says why the test cannot be held.
    pub(crate) async fn start() -> Option<Self> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find_map(support::find);
        let Some(chromium) = chromium else {
            support::skip("no chromium is installed");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // The protocol's pipe is descriptors 3 (in) and 4 (out); only a shell can put them there without `unsafe`.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#"exec "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>&1"#,
                "sh",
            ])
            .arg(chromium)
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let shared = Arc::new(Shared {
            input: tokio::sync::Mutex::new(child.stdin.take().unwrap()),
            next: AtomicU64::new(1),
            waiting: Mutex::default(),
            events: Mutex::default(),
            news: Notify::new(),
        });
        let mut output = BufReader::new(child.stdout.take().unwrap());
        tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                let mut message = Vec::new();
                while output.read_until(0, &mut message).await.unwrap_or(0) > 0 {
                    message.pop();
                    shared.receive(serde_json::from_slice(&message).unwrap());
                    message.clear();
                }
            }
        });
        Some(Self {
            shared,
            _child: child,
            _profile: profile,
        })
    }

    /// An empty page.
    pub(crate) async fn page(&self) -> Page {
        let shared = Arc::clone(&self.shared);
        let target = shared
            .call(None, "Target.createTarget", json!({"url": "about:blank"}))
            .await;
        let attached = shared
            .call(
                None,
                "Target.attachToTarget",
                json!({"targetId": target["targetId"], "flatten": true}),
            )
            .await;
        let page = Page {
            shared,
            session: attached["sessionId"].as_str().unwrap().to_owned(),
        };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page
    }
}

impl Shared {
    fn receive(&self, message: Value) {
        if let Some(id) = message["id"].as_u64() {
            if let Some(waiting) = self.waiting.lock().unwrap().remove(&id) {
                // The test may have given up.
                let _ = waiting.send(message);
            }
        } else {
            self.events.lock().unwrap().push(message);
            self.news.notify_waiters();
        }
    }

    async fn call(&self, session: Option<&str>, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, sender);
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.input.lock().await.write_all(&bytes).await.unwrap();
        let mut reply = tokio::time::timeout(HANG, receiver)
            .await
            .unwrap_or_else(|_| panic!("{method} hangs"))
            .unwrap();
        assert!(reply["error"].is_null(), "{method}: {reply}");
        reply["result"].take()
    }
}

/// One tab.
pub(crate) struct Page {
    shared: Arc<Shared>,
    session: String,
}

impl Page {
    pub(crate) async fn call(&self, method: &str, params: Value) -> Value {
        self.shared.call(Some(&self.session), method, params).await
    }

    /// Every event of one kind so far.
    pub(crate) fn events(&self, method: &str) -> Vec<Value> {
        let events = self.shared.events.lock().unwrap();
        let ours = events
            .iter()
            .filter(|event| event["sessionId"] == self.session && event["method"] == method);
        ours.map(|event| event["params"].clone()).collect()
    }

    /// Waits until there were so many events of a kind.
    pub(crate) async fn event(&self, method: &str, count: usize) {
        let waiting = async {
            loop {
                let news = self.shared.news.notified();
                tokio::pin!(news);
                news.as_mut().enable();
                if self.events(method).len() >= count {
                    return;
                }
                news.await;
            }
        };
        tokio::time::timeout(HANG, waiting)
            .await
            .unwrap_or_else(|_| panic!("{method} does not come"));
    }

    /// Goes to an address and waits for all of it.
    pub(crate) async fn open(&self, url: &str) {
        let before = self.events("Page.loadEventFired").len();
        let gone = self.call("Page.navigate", json!({"url": url})).await;
        assert!(gone["errorText"].is_null(), "{url}: {gone}");
        self.event("Page.loadEventFired", before + 1).await;
    }

    /// The value of an expression; a promise is waited for.
    pub(crate) async fn eval(&self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut result = self.call("Runtime.evaluate", params).await;
        let thrown = &result["exceptionDetails"];
        assert!(thrown.is_null(), "{thrown}");
        result["result"]["value"].take()
    }

    /// Waits until an expression is true, looking again whenever the document changes.
    pub(crate) async fn until(&self, expression: &str) {
        let promise = format!(
            "new Promise((done) => {{
                const look = () => ({expression}) && (observer.disconnect(), done(true));
                const observer = new MutationObserver(look);
                observer.observe(document, {{subtree: true, childList: true, attributes: true, characterData: true}});
                look();
            }})"
        );
        self.eval(&promise).await;
    }

    /// How many elements a selector finds.
    pub(crate) async fn count(&self, selector: &str) -> u64 {
        let expression = format!("document.querySelectorAll({}).length", json!(selector));
        self.eval(&expression).await.as_u64().unwrap()
    }

    /// The addresses of everything that the page has asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.events("Network.requestWillBeSent")
            .iter()
            .map(|event| event["request"]["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Everything that the console shows in yellow or red.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut found = Vec::new();
        for event in self.events("Runtime.consoleAPICalled") {
            if event["type"] != "log" {
                found.push(event.to_string());
            }
        }
        for method in ["Runtime.exceptionThrown", "Log.entryAdded"] {
            found.extend(self.events(method).iter().map(Value::to_string));
        }
        found
    }

    pub(crate) async fn screen(&self, width: u32, height: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let scheme = [json!({"name": "prefers-color-scheme", "value": scheme})];
        let media = json!({"media": "", "features": scheme});
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Shows the page as on paper of this size in CSS pixels, in one long sheet.
    pub(crate) async fn paper(&self, width: u32, height: u32) {
        self.screen(width, height, "light").await;
        self.call("Emulation.setEmulatedMedia", json!({"media": "print"}))
            .await;
    }

    /// Prints the page as A4 to `target/screenshots/`.
    pub(crate) async fn pdf(&self, name: &str) {
        let paper = json!({"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true, "printBackground": true});
        let printed = self.call("Page.printToPDF", paper).await;
        save(&format!("{name}.pdf"), &printed);
    }

    /// Writes two pictures to `target/screenshots/`: of the screen, and of the whole page.
    pub(crate) async fn picture(&self, name: &str) {
        self.capture(name, json!({"format": "png"})).await;
        let metrics = self.call("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip =
            json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let params = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        self.capture(&format!("{name}-whole"), params).await;
    }

    async fn capture(&self, name: &str, params: Value) {
        let picture = self.call("Page.captureScreenshot", params).await;
        save(&format!("{name}.png"), &picture);
    }

    /// Fails on anything that axe-core finds, minor or serious. `LABRPC_AXE` is the folder where npm installed it.
    pub(crate) async fn assert_accessible(&self) {
        let Some(folder) = std::env::var_os("LABRPC_AXE") else {
            return support::skip("LABRPC_AXE names no folder with axe-core in it");
        };
        let file = Path::new(&folder).join("node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.eval(&format!("{source}; null")).await;
        let results = self
            .eval("axe.run(document, {resultTypes: ['violations']})")
            .await;
        assert!(
            results["passes"].as_array().unwrap().len() > 10,
            "axe did not look"
        );
        let found: Vec<_> = results["violations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let nodes: Vec<_> = one["nodes"].as_array().unwrap().iter().take(3).collect();
                json!({"id": one["id"], "impact": one["impact"], "nodes": nodes})
            })
            .collect();
        assert!(found.is_empty(), "{:#}", json!(found));
    }
}

/// Writes what the browser has sent to `target/screenshots/`.
fn save(name: &str, sent: &Value) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .unwrap()
        .join("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    let bytes = BASE64_STANDARD
        .decode(sent["data"].as_str().unwrap())
        .unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}
