//! Protection against pages of other sites that a browser on this network has open.
//!
//! Such a page can send requests to any address. Two checks keep it from reading the answers: requests that a browser
//! makes on behalf of another site are rejected, and so are requests for a host name that is not this machine's, since
//! DNS rebinding makes another site look like the same one.

use std::net::IpAddr;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
    header::{HOST, ORIGIN},
    uri::Authority,
};
use http_body_util::Full;

use crate::http1::response::text;

/// The name of this machine.
pub(crate) fn host_name() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// Rejects requests on behalf of another site, and HTTP/1.1 requests without a valid host.
pub(crate) fn require_same_site<B>(
    host_name: &str,
    request: &Request<B>,
) -> Result<(), Box<Response<Full<Bytes>>>> {
    let reject = |status, line| Err(Box::new(text(status, line)));
    let headers = request.headers();
    let header = single_header(headers, &HOST);
    let named: Option<Authority> = header.and_then(|host| host.parse().ok());
    // An empty host is valid (RFC 9112, 3.2).
    if request.version() == Version::HTTP_11 && named.is_none() && header != Some("") {
        return reject(
            StatusCode::BAD_REQUEST,
            "HTTP/1.1 needs exactly one Host header\n",
        );
    }
    // HTTP/2 has the host in the request line. HTTP/1 may, and it then overrides the header.
    let host = request.uri().authority().cloned().or(named);
    if !host.is_some_and(|host| is_this_host(&host, host_name)) {
        return reject(
            StatusCode::FORBIDDEN,
            "wrong host; use an address, localhost or the machine's name\n",
        );
    }
    // "none" is a typed address. "same-origin" is a page of this server, which can do no more than that.
    let fetched_by = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(fetched_by, None | Some(b"none" | b"same-origin")) || headers.contains_key(ORIGIN)
    {
        return reject(
            StatusCode::FORBIDDEN,
            "requests from other sites are rejected\n",
        );
    }
    Ok(())
}

fn single_header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

/// Whether a host can only be this machine: an address, `localhost`, the machine's name, or its mDNS name.
fn is_this_host(authority: &Authority, host_name: &str) -> bool {
    let host = authority.host();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let short = host_name.split('.').next().unwrap_or_default();
    let is = |name: &str| !name.is_empty() && host.eq_ignore_ascii_case(name);
    host.parse::<IpAddr>().is_ok()
        || is("localhost")
        || is(host_name)
        || is(short)
        || is(&format!("{short}.local"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_of_this_machine_are_accepted() {
        let accepts = |host: &str| is_this_host(&host.parse().unwrap(), "seat7.lab.example");
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
            assert!(accepts(host), "{host}");
        }
        for host in [
            "example.org",
            "seat8",
            "seat7.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "lab.example",
        ] {
            assert!(!accepts(host), "{host}");
        }
        assert!(!is_this_host(&"local".parse().unwrap(), ""));
    }
}
