//! What a server without the method has in its place: by reflection, or else by trying names that are often mistaken
//! for the right ones.

use tonic::{Code, Status};
use tonic_reflection::pb::v1::{
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::{
    check::{
        reflection::{REFLECTION, file_of, reflect},
        target::{SERVICE, Target},
    },
    pb::{GetProfileRequest, GetProfileResponse},
    untrusted::Untrusted,
};

/// Paths that are tried where there is no reflection.
const MISTAKEN: [&str; 10] = [
    "/Profile/GetProfile",
    "/Lab.Profile/GetProfile",
    "/lab.profile/GetProfile",
    "/profile.Profile/GetProfile",
    "/lab.v1.Profile/GetProfile",
    "/lab.ProfileService/GetProfile",
    "/lab.Profile/getProfile",
    "/lab.Profile/get_profile",
    "/lab.Profile/Get",
    "/lab.Profile/Profile",
];

/// What the server offers, as the end of a sentence; `None` if that cannot be found out.
pub(super) async fn instead(target: &mut Target) -> Option<String> {
    match by_reflection(target).await {
        Some(offer) => Some(offer),
        None => by_trying(target).await,
    }
}

async fn by_reflection(target: &mut Target) -> Option<String> {
    for path in REFLECTION {
        let request = MessageRequest::ListServices(String::new());
        let Ok(MessageResponse::ListServicesResponse(list)) = reflect(target, path, request).await
        else {
            continue;
        };
        let services: Vec<_> = list
            .service
            .into_iter()
            .map(|service| service.name)
            .collect();
        if !services.iter().any(|service| service == SERVICE) {
            let own = services
                .iter()
                .filter(|service| !service.starts_with("grpc."));
            return Some(offered(own.map(String::as_str)));
        }
        let files = file_of(target, path).await.ok()?;
        let services = files.iter().flat_map(|file| &file.service);
        let methods = services
            .filter(|service| service.name() == "Profile")
            .flat_map(|service| &service.method);
        // A method that is described and not implemented needs no other explanation.
        return methods
            .clone()
            .all(|method| method.name() != "GetProfile")
            .then(|| offered(methods.map(|method| method.name())));
    }
    None
}

fn offered<'a>(names: impl Iterator<Item = &'a str>) -> String {
    match names.collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => "it offers no service".to_owned(),
        names => format!("it offers {}", Untrusted::new(&names)),
    }
}

async fn by_trying(target: &mut Target) -> Option<String> {
    let caller = target.caller().await.ok()?;
    for path in MISTAKEN {
        let call = caller.clone().unary(path, GetProfileRequest {});
        let response: Result<GetProfileResponse, Status> = target.within_max_time(call).await;
        if !response.is_err_and(|status| status.code() == Code::Unimplemented) {
            return Some(format!("it has {}", &path[1..]));
        }
    }
    None
}
