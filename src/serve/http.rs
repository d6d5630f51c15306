//! The HTTP dialect: `GET /` is the profile as JSON, `GET /healthz` says whether the server is well.
//!
//! A web page that somebody in the room has open must not be able to read the profiles: requests that a
//! browser makes for another site are refused, and so are those for a host name that is not this machine's,
//! which is how DNS rebinding makes another site look like the same one.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{self, HOST, ORIGIN},
    uri::Authority,
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::serve::{
    context::{ConnectionContext, Phase},
    metrics::{Dialect, Refusal},
    prefixed_io::PrefixedIo,
};

/// Serves one HTTP/1 request and closes.
pub(crate) async fn serve(io: PrefixedIo, context: Arc<ConnectionContext>, tls: bool) {
    context.server.metrics.connection(Dialect::Http, tls);
    let patience = context.server.config.limits.handshake;
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(&context, &request);
        async move { Ok::<_, std::convert::Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        // One request a connection: the connection's limits are then the request's as well.
        .keep_alive(false)
        .max_headers(64)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(io), service);
    // Twice: once to send the request, once to take the response.
    if let Ok(Err(error)) = tokio::time::timeout(2 * patience, connection).await {
        tracing::debug!(%error, "an HTTP connection ended");
    }
}

/// Answers one request of either HTTP version.
pub(crate) fn respond<B>(
    context: &ConnectionContext,
    request: &Request<B>,
) -> Response<Full<Bytes>> {
    if let Err((status, reason)) = same_site(&context.server.host_name, request) {
        context.server.metrics.refusal(Refusal::CrossSite);
        return text(status, reason);
    }
    let path = request.uri().path();
    if !matches!(path, "/" | "/healthz") {
        return text(
            StatusCode::NOT_FOUND,
            "nothing here; try / or /healthz, or gRPC\n",
        );
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET is answered here\n",
        );
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allowed);
        return response;
    }
    if path == "/healthz" {
        return match *context.server.phase.borrow() {
            Phase::Serving => text(StatusCode::OK, "ok\n"),
            Phase::Closing | Phase::Draining | Phase::Cut => {
                text(StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
            }
        };
    }
    match context.server.config.profile.profile(context.local) {
        Some(profile) => {
            let line = format!("{}\n", profile.to_json());
            plain(StatusCode::OK, "application/json", line.into())
        }
        None => text(StatusCode::NOT_FOUND, "no profile for this address\n"),
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let body = Bytes::from_static(text.as_bytes());
    plain(status, "text/plain; charset=utf-8", body)
}

fn plain(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Refuses what a browser would only ask on behalf of another site, and HTTP/1.1 requests without a valid host.
pub(crate) fn same_site<B>(
    host_name: &str,
    request: &Request<B>,
) -> Result<(), (StatusCode, &'static str)> {
    let headers = request.headers();
    let header = sole(headers, &HOST);
    let named: Option<Authority> = header.and_then(|host| host.parse().ok());
    // An empty host is a valid one (RFC 9112, 3.2).
    if request.version() == Version::HTTP_11 && named.is_none() && header != Some("") {
        return Err((
            StatusCode::BAD_REQUEST,
            "HTTP/1.1 needs exactly one Host header\n",
        ));
    }
    // HTTP/2 names the host in the request line, as HTTP/1 may, where it counts more than the header.
    let host = request.uri().authority().cloned().or(named);
    if !host.as_ref().is_some_and(|host| is_here(host, host_name)) {
        return Err((
            StatusCode::FORBIDDEN,
            "this is not that host; ask by address, by localhost or by the machine's name\n",
        ));
    }
    // "none" is somebody who typed the address; "same-origin" cannot do more than that one.
    let fetched_by = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(fetched_by, None | Some(b"none" | b"same-origin")) || headers.contains_key(ORIGIN)
    {
        return Err((
            StatusCode::FORBIDDEN,
            "requests from other sites are refused\n",
        ));
    }
    Ok(())
}

fn sole<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether a name can only mean this machine: an address, `localhost`, or what the machine calls itself.
fn is_here(authority: &Authority, host_name: &str) -> bool {
    let host = authority.host();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    let local = bare
        .strip_suffix(".local")
        .is_some_and(|name| name.eq_ignore_ascii_case(&short(host_name)));
    bare.parse::<IpAddr>().is_ok()
        || bare.eq_ignore_ascii_case("localhost")
        || (!host_name.is_empty()
            && (bare.eq_ignore_ascii_case(host_name)
                || bare.eq_ignore_ascii_case(&short(host_name))))
        || local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_this_machines_own_names_are_here() {
        let here = |host: &str| is_here(&host.parse().unwrap(), "seat7.lab.example");
        for host in [
            "127.0.0.1",
            "192.0.2.7:1024",
            "[::1]:1024",
            "[2001:db8::1]",
            "localhost:1024",
            "LOCALHOST",
            "seat7",
            "Seat7.Lab.Example:1024",
            "seat7.local",
        ] {
            assert!(here(host), "{host}");
        }
        for host in [
            "example.org",
            "seat8",
            "seat7.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "lab.example",
        ] {
            assert!(!here(host), "{host}");
        }
        assert!(!is_here(&"local".parse().unwrap(), ""));
    }
}
