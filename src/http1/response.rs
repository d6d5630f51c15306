//! Short responses, none of which a browser may cache, guess the type of, or load anything for.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;

/// A response with a body of this type.
pub(crate) fn response<B>(status: StatusCode, content_type: &'static str, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ];
    for (name, value) in headers {
        let value = HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

/// A response of one line of text.
pub(crate) fn text(status: StatusCode, line: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", Full::from(line))
}

/// The response to a request that is not a GET or HEAD of one of these paths: 404 with a hint, or 405.
pub(crate) fn wrong_target<B>(
    request: &Request<B>,
    paths: &[&str],
    hint: &'static str,
) -> Option<Response<Full<Bytes>>> {
    if !paths.contains(&request.uri().path()) {
        return Some(text(StatusCode::NOT_FOUND, hint));
    }
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed\n");
    let allowed = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allowed);
    Some(response)
}
