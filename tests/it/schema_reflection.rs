//! Schemas by reflection, from servers with the habits and the faults that servers have.

use std::{
    net::Ipv4Addr,
    num::NonZeroU32,
    path::Path,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use labrpc::{
    question::find_method,
    schema::{Method, Schema},
    survey::{Config, endpoint::Endpoint, hosts::Hosts},
};
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto,
    FileDescriptorProto, FileDescriptorSet, field_descriptor_proto::Type,
};
use tokio::{
    net::{TcpListener, TcpSocket},
    time::{sleep, timeout},
};
use tokio_stream::{Stream, StreamExt as _, wrappers::TcpListenerStream};
use tonic::{
    Code, Request, Response, Status, Streaming,
    metadata::{AsciiMetadataValue, BinaryMetadataValue, MetadataMap},
    service::Routes,
    transport::Server,
};
use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
    server_reflection_request::MessageRequest,
    server_reflection_response::MessageResponse,
    server_reflection_server::{ServerReflection, ServerReflectionServer},
};

pub(crate) const NAME: &str = "sample.v1.Inventory/Get";

/// The descriptors of the sample service, imports first.
fn sample() -> FileDescriptorSet {
    static SAMPLE: LazyLock<FileDescriptorSet> = LazyLock::new(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/proto");
        let mut compiler = protox::Compiler::new([root]).unwrap();
        compiler.include_imports(true);
        compiler.open_file("sample/service.proto").unwrap();
        FileDescriptorSet::decode(&compiler.encode_file_descriptor_set()[..]).unwrap()
    });
    SAMPLE.clone()
}

pub(crate) fn sample_bytes() -> Vec<(String, Vec<u8>)> {
    let files = sample().file.into_iter();
    files
        .map(|file| (file.name().to_owned(), file.encode_to_vec()))
        .collect()
}

fn file(name: &str) -> Option<Vec<u8>> {
    let mut files = sample_bytes().into_iter();
    files
        .find(|(known, _)| known == name)
        .map(|(_, bytes)| bytes)
}

/// What a scripted server does about one request.
enum Reply {
    Files(Vec<Vec<u8>>),
    Services(&'static [&'static str]),
    Refuse(Code),
    End(Status),
    Silence,
}

type Script = dyn Fn(&MessageRequest) -> Reply + Send + Sync;

/// A reflection service of which every response is scripted.
#[derive(Clone)]
struct Scripted {
    script: Arc<Script>,
    requests: Arc<Mutex<Vec<MessageRequest>>>,
    metadata: Arc<Mutex<MetadataMap>>,
}

impl Scripted {
    fn new(script: impl Fn(&MessageRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            requests: Arc::default(),
            metadata: Arc::default(),
        }
    }

    fn requests(&self) -> Vec<MessageRequest> {
        self.requests.lock().unwrap().clone()
    }

    async fn start(&self) -> Endpoint {
        serve(Routes::new(ServerReflectionServer::new(self.clone()))).await
    }
}

#[tonic::async_trait]
impl ServerReflection for Scripted {
    type ServerReflectionInfoStream =
        Pin<Box<dyn Stream<Item = Result<ServerReflectionResponse, Status>> + Send>>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        self.metadata.lock().unwrap().clone_from(request.metadata());
        let server = self.clone();
        let responses = request.into_inner().filter_map(move |request| {
            let request = request.ok()?.message_request?;
            let reply = (server.script)(&request);
            server.requests.lock().unwrap().push(request);
            let message = match reply {
                Reply::Silence => return None,
                Reply::End(status) => return Some(Err(status)),
                Reply::Files(file_descriptor_proto) => {
                    MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                        file_descriptor_proto,
                    })
                }
                Reply::Services(names) => {
                    let service = names.iter().map(|&name| ServiceResponse {
                        name: name.to_owned(),
                    });
                    MessageResponse::ListServicesResponse(ListServiceResponse {
                        service: service.collect(),
                    })
                }
                Reply::Refuse(code) => MessageResponse::ErrorResponse(ErrorResponse {
                    error_code: code as i32,
                    error_message: "\x1b[2Jno".to_owned(),
                }),
            };
            Some(Ok(ServerReflectionResponse {
                message_response: Some(message),
                ..ServerReflectionResponse::default()
            }))
        });
        Ok(Response::new(Box::pin(responses)))
    }
}

/// Serves on a free port until the runtime ends.
async fn serve(routes: Routes) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address.to_string().parse().unwrap()
}

fn config() -> Config {
    Config {
        max_time: Duration::from_secs(600),
        ..Config::default()
    }
}

async fn find_at(
    endpoints: impl IntoIterator<Item = Endpoint>,
    config: &Config,
) -> Result<Arc<Method>, String> {
    let name = NAME.parse().unwrap();
    let hosts = Hosts::from_iter(endpoints);
    let found = find_method(&hosts, config, &MetadataMap::new(), 0, &name).await;
    found.map_err(|error| {
        let error = error.to_string();
        assert!(!error.contains('\x1b'), "{error:?}");
        error
    })
}

async fn find(server: &Scripted) -> Result<Arc<Method>, String> {
    find_at([server.start().await], &config()).await
}

/// The method works: it has the types that are declared elsewhere.
fn assert_complete(found: Result<Arc<Method>, String>) {
    let method = found.unwrap();
    let request = method
        .request(r#"{"items": [{"unit": "UNIT_PIECE"}]}"#)
        .unwrap();
    assert_eq!(request, b"\x22\x02\x68\x01"[..]);
    assert!(method.is_idempotent());
}

#[tokio::test]
async fn both_versions_of_tonic_reflection_give_the_method() {
    let builder =
        || tonic_reflection::server::Builder::configure().register_file_descriptor_set(sample());
    let v1 = Routes::new(builder().build_v1().unwrap());
    let v1alpha = Routes::new(builder().build_v1alpha().unwrap());
    assert_complete(find_at([serve(v1).await], &config()).await);
    assert_complete(find_at([serve(v1alpha).await], &config()).await);
}

#[tokio::test]
async fn files_may_come_in_any_order_and_twice() {
    for order in ["imports first", "imports last", "twice"] {
        let server = Scripted::new(move |_| {
            let mut files: Vec<_> = sample_bytes().into_iter().map(|(_, bytes)| bytes).collect();
            match order {
                "imports last" => files.reverse(),
                "twice" => files.extend_from_within(..),
                _ => {}
            }
            Reply::Files(files)
        });
        assert_complete(find(&server).await);
        assert_eq!(server.requests().len(), 1, "{order}");
    }
}

#[tokio::test]
async fn imports_are_asked_for_one_by_one_and_once() {
    let server = Scripted::new(|request| match request {
        MessageRequest::FileContainingSymbol(_) => {
            Reply::Files(vec![file("sample/service.proto").unwrap()])
        }
        MessageRequest::FileByFilename(name) => Reply::Files(file(name).into_iter().collect()),
        _ => Reply::Refuse(Code::Unimplemented),
    });
    assert_complete(find(&server).await);
    let names: Vec<_> = server
        .requests()
        .into_iter()
        .filter_map(|request| match request {
            MessageRequest::FileByFilename(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(names.len(), once.len(), "{names:?}");
    assert!(names.len() >= 5, "{names:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_about_imports_that_only_options_need_is_enough() {
    for end in ["refused", "stream ended", "empty", "placeholder"] {
        let server = Scripted::new(move |request| match request {
            MessageRequest::FileContainingSymbol(_) => {
                Reply::Files(vec![file("sample/service.proto").unwrap()])
            }
            MessageRequest::FileByFilename(name)
                if ["sample/options.proto", "google/protobuf/any.proto"].contains(&&**name) =>
            {
                match end {
                    "refused" => Reply::Refuse(Code::NotFound),
                    "stream ended" => Reply::End(Status::not_found("no such file")),
                    "empty" => Reply::Files(Vec::new()),
                    _ => Reply::Files(vec![
                        FileDescriptorProto {
                            name: Some(name.clone()),
                            ..FileDescriptorProto::default()
                        }
                        .encode_to_vec(),
                    ]),
                }
            }
            MessageRequest::FileByFilename(name) => Reply::Files(file(name).into_iter().collect()),
            _ => Reply::Refuse(Code::Unimplemented),
        });
        assert_complete(find(&server).await);
    }
}

#[tokio::test]
async fn placeholders_are_replaced_by_their_files() {
    let server = Scripted::new(|request| match request {
        MessageRequest::FileContainingSymbol(_) => {
            let placeholders = sample().file.into_iter().map(|file| {
                if file.name() == "sample/service.proto" {
                    return file.encode_to_vec();
                }
                let placeholder = FileDescriptorProto {
                    name: file.name,
                    ..FileDescriptorProto::default()
                };
                placeholder.encode_to_vec()
            });
            Reply::Files(placeholders.collect())
        }
        MessageRequest::FileByFilename(name) => Reply::Files(file(name).into_iter().collect()),
        _ => Reply::Refuse(Code::Unimplemented),
    });
    assert_complete(find(&server).await);
}

#[tokio::test]
async fn a_server_that_knows_symbols_but_no_file_names_is_enough() {
    for ends_stream in [false, true] {
        let server = Scripted::new(move |request| match request {
            MessageRequest::FileContainingSymbol(symbol) => {
                let name = match &**symbol {
                    "sample.v1.Inventory" => "sample/service.proto",
                    "sample.v1.Limits" => "sample/limits.proto",
                    "sample.v1.Unit" => "sample/units.proto",
                    _ => return Reply::Refuse(Code::NotFound),
                };
                // The file that imports both publicly, for it is known to the server by no symbol.
                Reply::Files(vec![
                    file(name).unwrap(),
                    file("sample/types.proto").unwrap(),
                ])
            }
            _ if ends_stream => Reply::End(Status::unimplemented("symbols only")),
            _ => Reply::Refuse(Code::Unimplemented),
        });
        assert_complete(find(&server).await);
    }
}

#[tokio::test]
async fn an_unrelated_file_first_does_not_stop_it() {
    let unrelated = || {
        FileDescriptorProto {
            name: Some("other.proto".to_owned()),
            ..FileDescriptorProto::default()
        }
        .encode_to_vec()
    };
    let first = Scripted::new(move |_| {
        let files = sample_bytes().into_iter().map(|(_, bytes)| bytes);
        Reply::Files([unrelated()].into_iter().chain(files).collect())
    });
    assert_complete(find(&first).await);
    let alone = Scripted::new(move |request| match request {
        MessageRequest::ListServices(_) => Reply::Services(&["sample.v1.Inventory"]),
        MessageRequest::FileContainingSymbol(symbol) if symbol == "sample.v1.Inventory.Get" => {
            Reply::Files(sample_bytes().into_iter().map(|(_, bytes)| bytes).collect())
        }
        _ => Reply::Files(vec![unrelated()]),
    });
    assert_complete(find(&alone).await);
}

#[tokio::test]
async fn an_unknown_service_or_method_is_answered_with_those_of_the_server() {
    let other = Scripted::new(|request| match request {
        MessageRequest::ListServices(_) => Reply::Services(&["b.B", "a.A", "\x1b[2J"]),
        _ => Reply::Refuse(Code::NotFound),
    });
    let error = find(&other).await.unwrap_err();
    assert!(
        error.ends_with(r"there is no service sample.v1.Inventory; there are \u{1b}[2J, a.A, b.B"),
        "{error}"
    );
    let old = Scripted::new(|_| {
        let mut set = sample();
        for file in &mut set.file {
            file.service
                .iter_mut()
                .for_each(|service| service.method.truncate(0));
        }
        Reply::Files(
            set.file
                .iter()
                .map(FileDescriptorProto::encode_to_vec)
                .collect(),
        )
    });
    let error = find(&old).await.unwrap_err();
    assert!(
        error.ends_with("the service sample.v1.Inventory has no method Get"),
        "{error}"
    );
}

/// A file of one message, with what makes it hostile.
fn hostile(change: impl Fn(&mut FileDescriptorProto)) -> Vec<u8> {
    let mut file = sample().file.pop().unwrap();
    assert_eq!(file.name(), "sample/service.proto");
    change(&mut file);
    file.encode_to_vec()
}

fn message(name: String) -> DescriptorProto {
    DescriptorProto {
        name: Some(name),
        ..DescriptorProto::default()
    }
}

fn nested(depth: usize) -> DescriptorProto {
    let mut inner = message("N".to_owned());
    for _ in 0..depth {
        let mut outer = message("N".to_owned());
        outer.nested_type.push(inner);
        inner = outer;
    }
    inner
}

#[tokio::test]
async fn hostile_descriptors_are_an_error() {
    let rest = || {
        sample_bytes()
            .into_iter()
            .map(|(_, bytes)| bytes)
            .rev()
            .skip(1)
    };
    let replies: Vec<(&str, Vec<Vec<u8>>, &str)> = vec![
        (
            "not a descriptor",
            vec![b"\xff\xff\xff".to_vec()],
            "not a file descriptor",
        ),
        (
            "a million files",
            (0..1_000_000).map(|_| Vec::new()).collect(),
            "OUT_OF_RANGE, the schema is too large",
        ),
        (
            "many files",
            (0..100_000)
                .map(|index| {
                    let name = Some(format!("{index}"));
                    FileDescriptorProto {
                        name,
                        ..FileDescriptorProto::default()
                    }
                    .encode_to_vec()
                })
                .collect(),
            "more than 2000 files",
        ),
        (
            "an escape sequence",
            vec![hostile(|file| {
                file.message_type[0].name = Some("\x1b]0;x\x07".to_owned());
            })],
            r#""\u{1b}]0;x\u{7}" is not an identifier"#,
        ),
        (
            "an unknown syntax",
            vec![hostile(|file| file.syntax = Some("proto9".to_owned()))],
            "written in proto9",
        ),
        (
            "a missing type",
            vec![hostile(|_| ())],
            "does not link: name '.sample.v1.Limits' is not defined",
        ),
        (
            "nested 200 deep",
            vec![hostile(|file| file.message_type.push(nested(200)))],
            "not a file descriptor",
        ),
        (
            "a million fields",
            vec![hostile(|file| {
                file.message_type[0].field = vec![FieldDescriptorProto::default(); 1_000_000];
            })],
            "more than 200000 definitions",
        ),
        (
            "a million values",
            vec![hostile(|file| {
                file.enum_type.push(EnumDescriptorProto {
                    value: vec![EnumValueDescriptorProto::default(); 1_000_000],
                    ..EnumDescriptorProto::default()
                });
            })],
            "more than 200000 definitions",
        ),
        (
            "a long name",
            vec![hostile(|file| file.package = Some("x".repeat(1_000_000)))],
            "there is no service",
        ),
    ];
    for (what, files, expected) in replies {
        let files = Mutex::new(Some(files));
        // Each is sent once: what follows is the refusal of everything else.
        let server = Scripted::new(move |_| match files.lock().unwrap().take() {
            Some(files) => Reply::Files(files),
            None => Reply::Refuse(Code::NotFound),
        });
        let error = find(&server).await.unwrap_err();
        assert!(error.contains(expected), "{what}: {error}");
    }
    // Without the change the same reply is a schema.
    let server =
        Scripted::new(move |_| Reply::Files([hostile(|_| ())].into_iter().chain(rest()).collect()));
    assert_complete(find(&server).await);
}

/// Each is below the limit of a message.
#[tokio::test]
async fn responses_of_one_exchange_are_limited_together() {
    let large = |name: &str| {
        FileDescriptorProto {
            name: Some(name.to_owned()),
            message_type: vec![message("x".repeat(1024 * 1024))],
            ..FileDescriptorProto::default()
        }
        .encode_to_vec()
    };
    let server = Scripted::new(move |request| match request {
        MessageRequest::FileByFilename(name) => Reply::Files(vec![large(name)]),
        _ => Reply::Files(vec![hostile(|file| {
            file.dependency
                .extend((0..60).map(|index| format!("{index}.proto")));
        })]),
    });
    let error = find(&server).await.unwrap_err();
    assert!(error.contains("more than 16777216 bytes"), "{error}");
    // Of 61 that were sent: those of a stream that goes beyond the limit are not read to the end.
    assert!(server.requests().len() < 50);
}

#[tokio::test]
async fn imports_without_end_and_in_a_circle_come_to_an_end() {
    let next = |name: &str, import: String| {
        FileDescriptorProto {
            name: Some(name.to_owned()),
            dependency: vec![import],
            public_dependency: vec![0],
            message_type: vec![message("X".to_owned() + &name.replace('.', "_"))],
            ..FileDescriptorProto::default()
        }
        .encode_to_vec()
    };
    let endless = Scripted::new(move |request| match request {
        MessageRequest::FileByFilename(name) => Reply::Files(
            file(name)
                .into_iter()
                .chain([next(name, format!("{name}x"))])
                .collect(),
        ),
        _ => Reply::Files(vec![hostile(|file| file.dependency.push("a".to_owned()))]),
    });
    let error = find(&endless).await.unwrap_err();
    assert!(error.contains("more than"), "{error}");
    assert!(endless.requests().len() < 5_000);

    let circle = Scripted::new(move |request| match request {
        MessageRequest::FileByFilename(name) if name == "a" => {
            Reply::Files(vec![next("a", "b".to_owned())])
        }
        MessageRequest::FileByFilename(name) if name == "b" => {
            Reply::Files(vec![next("b", "sample/service.proto".to_owned())])
        }
        MessageRequest::FileByFilename(name) => Reply::Files(file(name).into_iter().collect()),
        _ => Reply::Files(vec![hostile(|file| {
            file.public_dependency.push(file.dependency.len() as i32);
            file.dependency.push("a".to_owned());
        })]),
    });
    assert_complete(find(&circle).await);
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let config = Config {
        max_time: Duration::from_millis(300),
        ..Config::default()
    };
    let silent = Scripted::new(|_| Reply::Silence);
    let error = find_at([silent.start().await], &config).await.unwrap_err();
    assert!(
        error.contains("reflection service failed, DEADLINE_EXCEEDED"),
        "{error}"
    );
    let later = Scripted::new(|request| match request {
        MessageRequest::FileContainingSymbol(_) => Reply::Files(vec![hostile(|_| ())]),
        _ => Reply::Silence,
    });
    let error = find_at([later.start().await], &config).await.unwrap_err();
    assert!(
        error.contains("does not answer") || error.contains("does not link"),
        "{error}"
    );
}

/// Servers with the whole sample, and how often each was asked.
async fn healthy() -> (Endpoint, Scripted) {
    let server = Scripted::new(|_| {
        Reply::Files(sample_bytes().into_iter().map(|(_, bytes)| bytes).collect())
    });
    (server.start().await, server)
}

/// An endpoint that accepts connections and never answers, and how many it has accepted.
async fn hanging(accepted: Arc<AtomicUsize>) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Relaxed);
            open.push(stream);
        }
    });
    address.to_string().parse().unwrap()
}

/// An endpoint that refuses connections for as long as its socket is kept.
fn refusing() -> (Endpoint, TcpSocket) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (address.to_string().parse().unwrap(), socket)
}

#[tokio::test]
async fn one_reflection_call_is_enough_for_all_endpoints() {
    let mut servers = Vec::new();
    for _ in 0..5 {
        servers.push(healthy().await);
    }
    let endpoints = servers.iter().map(|(endpoint, _)| endpoint.clone());
    assert_complete(find_at(endpoints, &config()).await);
    let calls: Vec<_> = servers
        .iter()
        .map(|(_, server)| server.requests().len())
        .collect();
    assert_eq!(calls, [1, 0, 0, 0, 0]);
}

/// The first endpoint is slow and the second fast; the first is nevertheless the one whose schema counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn of_endpoints_that_answer_the_first_of_the_list_counts() {
    let (second, second_server) = healthy().await;
    let asked = Arc::clone(&second_server.requests);
    let first = Scripted::new(move |_| {
        while asked.lock().unwrap().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The second has answered by then, and the first may still.
        std::thread::sleep(Duration::from_millis(50));
        let mut set = sample();
        let methods = set.file.iter_mut().flat_map(|file| &mut file.service);
        methods
            .flat_map(|service| &mut service.method)
            .for_each(|method| method.options = None);
        Reply::Files(
            set.file
                .iter()
                .map(FileDescriptorProto::encode_to_vec)
                .collect(),
        )
    });
    let found = find_at([first.start().await, second], &config()).await;
    assert!(!found.unwrap().is_idempotent());
}

/// No attempt on them ends within the test, so the schema comes without waiting for a timeout.
#[tokio::test]
async fn endpoints_that_hang_at_the_head_of_the_list_cost_no_timeout() {
    let accepted = Arc::new(AtomicUsize::new(0));
    let mut endpoints = Vec::new();
    for _ in 0..50 {
        endpoints.push(hanging(Arc::clone(&accepted)).await);
    }
    endpoints.push(healthy().await.0);
    assert_complete(find_at(endpoints, &config()).await);
    assert!(accepted.load(Relaxed) <= 64);
}

#[tokio::test]
async fn endpoints_that_refuse_at_the_head_of_the_list_are_passed_over() {
    let refusing: Vec<_> = (0..300).map(|_| refusing()).collect();
    let mut endpoints: Vec<_> = refusing
        .iter()
        .map(|(endpoint, _)| endpoint.clone())
        .collect();
    endpoints.push("raw://127.0.0.1:1".parse().unwrap());
    endpoints.push(healthy().await.0);
    assert_complete(find_at(endpoints.clone(), &config()).await);
    endpoints.pop();
    let error = find_at(endpoints.clone(), &config()).await.unwrap_err();
    let expected = format!(
        "no schema for {NAME}: {}: refused (300 endpoints were asked)",
        endpoints[0]
    );
    assert_eq!(error, expected);
}

#[tokio::test]
async fn an_endpoint_that_comes_up_while_waiting_gives_the_schema() {
    let (endpoint, socket) = refusing();
    let waiting = Config {
        wait: Some(Duration::from_secs(600)),
        ..config()
    };
    assert!(find_at([endpoint.clone()], &config()).await.is_err());
    let (_, server) = healthy().await;
    tokio::spawn(async move {
        sleep(Duration::from_millis(100)).await;
        let routes = Routes::new(ServerReflectionServer::new(server));
        let incoming = TcpListenerStream::new(socket.listen(64).unwrap());
        Server::builder()
            .add_routes(routes)
            .serve_with_incoming(incoming)
            .await
    });
    assert_complete(find_at([endpoint], &waiting).await);
}

/// One server, of which every address of 127.0.0.0/8 is an endpoint.
async fn everywhere(server: &Scripted) -> impl Iterator<Item = Endpoint> + use<> {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let routes = Routes::new(ServerReflectionServer::new(server.clone()));
    let server = Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (1_u32..).map(move |index| {
        let address = Ipv4Addr::from_bits(Ipv4Addr::LOCALHOST.to_bits() + index);
        format!("{address}:{port}").parse().unwrap()
    })
}

#[tokio::test]
async fn endpoints_with_an_older_version_are_passed_over() {
    let old = Scripted::new(|_| Reply::Refuse(Code::NotFound));
    let mut endpoints: Vec<_> = everywhere(&old).await.take(100).collect();
    endpoints.push(healthy().await.0);
    assert_complete(find_at(endpoints, &config()).await);

    let refusing = refusing();
    let mut endpoints = vec![refusing.0.clone()];
    endpoints.extend(everywhere(&old).await.take(400));
    let error = find_at(endpoints.clone(), &config()).await.unwrap_err();
    let (start, end) = error.split_once(" (").unwrap();
    let expected = format!(
        "no schema for {NAME}: {}: there is no service sample.v1.Inventory",
        endpoints[1]
    );
    assert_eq!(start, expected);
    let asked: usize = end.split_once(' ').unwrap().0.parse().unwrap();
    // When the last one of 256 has answered, up to 64 others are being asked.
    assert!((257..=321).contains(&asked), "{error}");
}

/// A status that means "not now" is not what the server has to tell about the method.
#[tokio::test]
async fn servers_that_cannot_answer_yet_are_asked_again_while_waiting() {
    let waiting = Config {
        wait: Some(Duration::from_secs(600)),
        ..config()
    };
    for code in [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::Cancelled,
        Code::ResourceExhausted,
    ] {
        let calls = AtomicUsize::new(0);
        let starting = Scripted::new(move |_| match calls.fetch_add(1, Relaxed) {
            0 => Reply::End(Status::new(code, "not now")),
            _ => Reply::Files(sample_bytes().into_iter().map(|(_, bytes)| bytes).collect()),
        });
        assert_complete(find_at([starting.start().await], &waiting).await);
    }
}

#[tokio::test]
async fn search_keeps_to_the_rate() {
    let old = Scripted::new(|_| Reply::Refuse(Code::NotFound));
    let mut endpoints: Vec<_> = everywhere(&old).await.take(8).collect();
    endpoints.push(healthy().await.0);
    let paced = Config {
        rate: NonZeroU32::new(20),
        ..config()
    };
    let start = Instant::now();
    assert_complete(find_at(endpoints, &paced).await);
    // Eight intervals of 50 ms, of which a late start may catch up 10 ms.
    assert!(start.elapsed() >= Duration::from_millis(390));
}

/// The survey has one thread: while it links, deadlines and progress would stand still.
#[tokio::test]
async fn other_tasks_run_while_a_large_schema_is_linked() {
    let mut set = sample();
    let file = set.file.last_mut().unwrap();
    file.message_type.extend((0..20_000).map(|index| {
        let mut message = message(format!("Message{index}"));
        message.field = (1..5)
            .map(|number| FieldDescriptorProto {
                name: Some(format!("field{number}")),
                number: Some(number),
                r#type: Some(Type::Message as i32),
                type_name: Some(".sample.v1.Item".to_owned()),
                ..FieldDescriptorProto::default()
            })
            .collect();
        message
    }));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.bin");
    std::fs::write(&path, set.encode_to_vec()).unwrap();
    let start = Instant::now();
    Schema::read(&path).unwrap();
    let linked = start.elapsed();

    let files: Vec<_> = set
        .file
        .iter()
        .map(FileDescriptorProto::encode_to_vec)
        .collect();
    let server = Scripted::new(move |_| Reply::Files(files.clone()));
    let endpoint = server.start().await;
    let mut search = tokio::spawn(async { find_at([endpoint], &config()).await.is_ok() });
    let mut longest_pause = Duration::ZERO;
    loop {
        let before = Instant::now();
        let found = timeout(Duration::from_millis(1), &mut search).await;
        longest_pause = longest_pause.max(before.elapsed());
        if let Ok(found) = found {
            assert!(found.unwrap());
            break;
        }
    }
    assert!(
        longest_pause < linked / 2,
        "{longest_pause:?} of {linked:?}"
    );
}

#[tokio::test]
async fn a_server_without_reflection_is_named() {
    let empty = serve(Routes::new(tonic_health::server::health_reporter().1)).await;
    let error = find_at([empty.clone()], &config()).await.unwrap_err();
    assert_eq!(
        error,
        format!("no schema for {NAME}: {empty}: it has no reflection service")
    );
}

#[tokio::test]
async fn metadata_is_sent_with_reflection() {
    let (endpoint, server) = healthy().await;
    let mut metadata = MetadataMap::new();
    metadata.insert("authorization", AsciiMetadataValue::from_static("Bearer x"));
    let hosts = Hosts::from_iter([endpoint]);
    let name = NAME.parse().unwrap();
    let found = find_method(&hosts, &config(), &metadata, 0, &name).await;
    assert!(found.is_ok());
    let received = server.metadata.lock().unwrap().clone();
    assert_eq!(received.get("authorization").unwrap(), "Bearer x");
}

#[tokio::test]
async fn metadata_that_a_server_repeats_is_not_in_the_error() {
    let server = Scripted::new(|_| {
        Reply::End(Status::unauthenticated(
            "no user for secret-token, nor c2VjcmV0",
        ))
    });
    let mut metadata = MetadataMap::new();
    let token = AsciiMetadataValue::from_static("Bearer secret-token");
    metadata.insert("authorization", token);
    metadata.insert_bin("key-bin", BinaryMetadataValue::from_bytes(b"secret"));
    let hosts = Hosts::from_iter([server.start().await]);
    let name = NAME.parse().unwrap();
    let error = find_method(&hosts, &config(), &metadata, 0, &name).await;
    let error = error.unwrap_err().to_string();
    let expected = "UNAUTHENTICATED, no user for (redacted), nor (redacted)";
    assert!(error.ends_with(expected), "{error}");
}
