//! What `kubectl get endpointslices -o json` prints, and the older `kubectl get endpoints -o json`.
//!
//! Every address and port of every object is an endpoint, which has labels for the pod, the node and the rest that
//! Kubernetes states about it. An endpoint that is not ready is kept: it is part of the fleet, and what it answers is
//! the reason to ask. Only one that terminates and no longer serves is left out.

use std::net::IpAddr;

use serde::Deserialize;

use crate::{
    survey::{
        endpoint::Address,
        hosts::{
            labels::{LabelInterner, Labels},
            problem::{Error, Location, Position, Problem},
            token::Token,
        },
    },
    untrusted::Untrusted,
};

/// One object, or a list of objects. Only the fields that are used; any may be absent or null.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct KubeObject {
    kind: Option<String>,
    metadata: Option<ObjectMeta>,
    items: Option<Vec<KubeObject>>,
    // Of an EndpointSlice.
    address_type: Option<String>,
    endpoints: Option<Vec<Backend>>,
    ports: Option<Vec<EndpointPort>>,
    // Of an Endpoints object.
    subsets: Option<Vec<EndpointSubset>>,
}

#[derive(Deserialize, Default)]
struct ObjectMeta {
    name: Option<String>,
    namespace: Option<String>,
    labels: Option<ObjectLabels>,
}

#[derive(Deserialize, Default)]
struct ObjectLabels {
    #[serde(rename = "kubernetes.io/service-name")]
    service: Option<String>,
}

/// An endpoint in the language of Kubernetes: a pod, or another machine, behind a service.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Backend {
    /// Several of one backend in an EndpointSlice.
    addresses: Option<Vec<String>>,
    /// The only one in an Endpoints object.
    ip: Option<String>,
    conditions: Option<EndpointConditions>,
    node_name: Option<String>,
    zone: Option<String>,
    target_ref: Option<ObjectReference>,
}

#[derive(Deserialize, Default, Clone, Copy)]
struct EndpointConditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

#[derive(Deserialize, Default)]
struct ObjectReference {
    kind: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointPort {
    name: Option<String>,
    port: Option<u16>,
    protocol: Option<String>,
    app_protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointSubset {
    addresses: Option<Vec<Backend>>,
    not_ready_addresses: Option<Vec<Backend>>,
    ports: Option<Vec<EndpointPort>>,
}

/// The endpoints of all objects, in order.
pub(super) fn tokens(
    file: &str,
    text: &str,
    interner: &mut LabelInterner,
) -> Vec<Result<Token, Error>> {
    let object = match serde_json::from_str::<KubeObject>(text) {
        Ok(object) => object,
        Err(error) => {
            return vec![Err(Error {
                position: Position {
                    file: file.to_owned(),
                    location: Some(Location::Line(error.line(), error.column())),
                },
                text: None,
                problem: Problem::Kubernetes(Untrusted::new(&error.to_string())),
            })];
        }
    };
    let mut reader = ObjectReader {
        file,
        interner,
        tokens: Vec::new(),
    };
    match object.items {
        None => reader.object(&object, "", None),
        Some(items) => {
            // The API leaves out the kind of the items of an EndpointSliceList; kubectl writes it.
            let list = object.kind.unwrap_or_default();
            let implied = list.strip_suffix("List").filter(|kind| !kind.is_empty());
            for (index, item) in items.into_iter().enumerate() {
                reader.object(&item, &format!("items[{index}]"), implied);
            }
        }
    }
    reader.tokens
}

struct ObjectReader<'a> {
    file: &'a str,
    interner: &'a mut LabelInterner,
    tokens: Vec<Result<Token, Error>>,
}

/// What all backends of an object, or of one subset, have in common.
struct BackendService<'a> {
    position: Position,
    namespace: &'a str,
    service: &'a str,
    /// The name and number of each port.
    ports: Vec<(&'a str, u16)>,
}

impl ObjectReader<'_> {
    fn object(&mut self, object: &KubeObject, index: &str, implied: Option<&str>) {
        let kind = object.kind.as_deref().or(implied).unwrap_or_default();
        let default = ObjectMeta::default();
        let metadata = object.metadata.as_ref().unwrap_or(&default);
        let (namespace, name) = (text(&metadata.namespace), text(&metadata.name));
        let separator = if namespace.is_empty() { "" } else { "/" };
        let item = format!("{index} {kind} {namespace}{separator}{name}");
        let item = item.trim();
        let position = Position {
            file: self.file.to_owned(),
            location: (!item.is_empty()).then(|| {
                let printable = Untrusted::new(item).to_string();
                Location::Item(printable.into())
            }),
        };
        let service = |service, ports| BackendService {
            position: position.clone(),
            namespace,
            service,
            ports: grpc_ports(ports),
        };
        match kind {
            "EndpointSlice" => {
                let name = metadata.labels.as_ref().map(|labels| text(&labels.service));
                let service = service(name.unwrap_or_default(), list(&object.ports));
                match AddressType::from_name(text(&object.address_type)) {
                    Ok(family) => self.backends(&service, list(&object.endpoints), family, true),
                    Err(problem) => self.reject(&position, None, problem),
                }
            }
            "Endpoints" => {
                for subset in list(&object.subsets) {
                    let service = service(name, list(&subset.ports));
                    let family = AddressType::Ip(Problem::Ipv4);
                    self.backends(&service, list(&subset.addresses), family.clone(), true);
                    self.backends(&service, list(&subset.not_ready_addresses), family, false);
                }
            }
            kind => self.reject(&position, None, Problem::Kind(Untrusted::new(kind))),
        }
    }

    fn backends(
        &mut self,
        service: &BackendService<'_>,
        backends: &[Backend],
        family: AddressType,
        ready: bool,
    ) {
        for backend in backends {
            let conditions = backend.conditions.unwrap_or_default();
            let ready = ready && conditions.ready.unwrap_or(true);
            if conditions.terminating == Some(true) && !conditions.serving.unwrap_or(ready) {
                continue;
            }
            for &(port_name, port) in &service.ports {
                let labels = self.labels(service, backend, port_name, ready);
                for address in list(&backend.addresses).iter().chain(&backend.ip) {
                    match family.address(address, port) {
                        Ok(address) => self.tokens.push(Ok(Token {
                            position: service.position.clone(),
                            text: address.to_string(),
                            labels: labels.clone(),
                        })),
                        Err(problem) => self.reject(&service.position, Some(address), problem),
                    }
                }
            }
        }
    }

    fn labels(
        &mut self,
        service: &BackendService<'_>,
        backend: &Backend,
        port: &str,
        ready: bool,
    ) -> Option<Labels> {
        let target = backend.target_ref.as_ref();
        let pod = target.filter(|target| target.kind.as_deref() == Some("Pod"));
        self.interner.labels([
            ("namespace", service.namespace),
            ("node", text(&backend.node_name)),
            ("pod", pod.map_or("", |pod| text(&pod.name))),
            ("port", port),
            ("ready", if ready { "true" } else { "false" }),
            ("service", service.service),
            ("zone", text(&backend.zone)),
        ])
    }

    fn reject(&mut self, position: &Position, address: Option<&str>, problem: Problem) {
        self.tokens.push(Err(Error {
            position: position.clone(),
            text: address.map(Untrusted::new),
            problem,
        }));
    }
}

/// What the addresses of an object are.
#[derive(Clone)]
enum AddressType {
    /// IP addresses, and what is wrong with one that cannot be parsed.
    Ip(Problem),
    Fqdn,
}

impl AddressType {
    fn from_name(name: &str) -> Result<Self, Problem> {
        match name {
            "IPv4" => Ok(Self::Ip(Problem::Ipv4)),
            "IPv6" => Ok(Self::Ip(Problem::Ipv6)),
            "FQDN" => Ok(Self::Fqdn),
            other => Err(Problem::AddressType(Untrusted::new(other))),
        }
    }

    fn address(&self, text: &str, port: u16) -> Result<Address, Problem> {
        match self {
            Self::Ip(problem) => {
                let ip: IpAddr = text.parse().map_err(|_| problem.clone())?;
                Ok(Address::Ip(ip, port))
            }
            Self::Fqdn => match format!("{text}:{port}").parse()? {
                name @ Address::Name(..) => Ok(name),
                _ => Err(Problem::Name),
            },
        }
    }
}

/// The TCP ports that are marked as gRPC by their name or protocol or, if none is, all TCP ports.
fn grpc_ports(ports: &[EndpointPort]) -> Vec<(&str, u16)> {
    // No number stands for every port, and a port without a protocol is TCP.
    let tcp = ports.iter().filter_map(|port| {
        let is_tcp = port.protocol.as_deref().unwrap_or("TCP") == "TCP";
        let number = port.port.filter(|number| is_tcp && *number > 0)?;
        Some((port, (text(&port.name), number)))
    });
    let (grpc, other): (Vec<_>, Vec<_>) = tcp.partition(|(port, _)| is_grpc(port));
    let chosen = if grpc.is_empty() { other } else { grpc };
    chosen.into_iter().map(|(_, port)| port).collect()
}

/// The conventions of Kubernetes and of service meshes for a port that carries gRPC.
fn is_grpc(port: &EndpointPort) -> bool {
    let name = text(&port.name);
    matches!(text(&port.app_protocol), "grpc" | "kubernetes.io/h2c")
        || name == "grpc"
        || name.starts_with("grpc-")
        || name.ends_with("-grpc")
}

fn text(field: &Option<String>) -> &str {
    field.as_deref().unwrap_or_default()
}

fn list<T>(field: &Option<Vec<T>>) -> &[T] {
    field.as_deref().unwrap_or_default()
}
