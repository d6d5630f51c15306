//! Clients of every kind on one port: grpcurl, curl, Python, and the original exercise's.

use std::{process::Command, sync::Arc};

use labrpc::{
    serve::Config,
    tls::{self, ca},
};
use tokio::sync::watch;

use crate::{
    serve::running::{JSON, Running, config, output},
    support::{python, tool},
};

/// Written after the original exercise's client.
const SILENT: &str = "
import json, socket, sys
host, port = sys.argv[1].split(':')
s = socket.socket()
s.connect((host, int(port)))
print(json.loads(s.recv(1024))['id'])
";

/// Reads the service from reflection v1alpha, the only version that Python's library supports, and calls it.
const GRPCIO: &str = "
import sys, grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
channel = grpc.insecure_channel(sys.argv[1])
pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
method = pool.FindServiceByName('lab.Profile').methods_by_name['GetProfile']
request, response = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
call = channel.unary_unary('/lab.Profile/GetProfile', request.SerializeToString, response.FromString)
print(call(request(), timeout=30).id)
";

#[tokio::test]
async fn grpcurl_curl_and_python_clients_are_answered_on_one_port() {
    let dir = tempfile::tempdir().unwrap();
    ca::create(dir.path()).unwrap();
    let name = "127.0.0.1".parse().unwrap();
    let ca::CertFiles { cert, key } = ca::issue(dir.path(), &name, &[]).unwrap();
    let files = tls::ServerFiles {
        cert,
        key,
        client_ca: None,
    };
    let server = Running::start(Config {
        tls: Some(watch::channel(tls::server(&files).unwrap()).1),
        plaintext: true,
        ..config()
    });
    let address = server.address.to_string();
    let ca = dir.path().join("ca.pem");

    let mut callers: Vec<(&str, Command)> = Vec::new();
    if let Some(grpcurl) = tool("grpcurl") {
        for flags in [&[][..], &["-plaintext"]] {
            let mut command = Command::new(&grpcurl);
            command.env("SSL_CERT_FILE", &ca).args(flags);
            command.args([&address, "lab.Profile/GetProfile"]);
            callers.push(("grpcurl", command));
        }
    }
    if let Some(curl) = tool("curl") {
        for scheme in ["http", "https"] {
            let mut command = Command::new(&curl);
            command.args(["--silent", "--fail", "--cacert"]).arg(&ca);
            command.arg(format!("{scheme}://{address}/"));
            callers.push(("curl", command));
        }
    }
    if let Some(python) = python("socket") {
        let mut command = Command::new(python);
        command.args(["-c", SILENT, &address]);
        callers.push(("the exercise's client", command));
    }
    if let Some(python) = python("grpc, grpc_reflection") {
        let mut command = Command::new(python);
        command.args(["-c", GRPCIO, &address]);
        callers.push(("grpcio", command));
    }
    // All at once, as in a lesson.
    let mut answers = tokio::task::JoinSet::new();
    for (caller, mut command) in callers {
        answers.spawn(async move { (caller, output(&mut command).await) });
    }
    for (caller, printed) in answers.join_all().await {
        assert!(printed.contains("1527406014"), "{caller}: {printed}");
        assert!(
            caller != "curl" || printed == format!("{JSON}\n"),
            "{printed}"
        );
    }
}

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn tls_to_a_plaintext_server_logs_one_warning_and_no_profile_value() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    // The runtime has one thread, and this is it.
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Running::start(config());
    for opening in [&b"\x16\x03\x01\x02\x00\x01"[..], b"\x16\x03\x01"] {
        let mut stream = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        stream.write_all(opening).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let mut client = server.client().await;
    client
        .get_profile(labrpc::pb::GetProfileRequest {})
        .await
        .unwrap();
    drop(client);
    let mut silent = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    silent.read_to_end(&mut Vec::new()).await.unwrap();
    server.end().await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].contains("-plaintext") && lines[0].contains("--cert"),
        "{log}"
    );
    // At the lowest level, libraries included. ("178" may be a length.)
    for value in ["1527406014", "XXL"] {
        assert!(!log.contains(value), "{log}");
    }
}
