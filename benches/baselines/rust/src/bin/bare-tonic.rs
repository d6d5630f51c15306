//! tonic as its own examples use it, with nothing set.

use std::error::Error;

use labrpc::pb::{
    GetProfileRequest, GetProfileResponse,
    profile_server::{Profile, ProfileServer},
};
use tonic::{Request, Response, Status, transport::Server};

struct Owner;

#[tonic::async_trait]
impl Profile for Owner {
    async fn get_profile(
        &self,
        _request: Request<GetProfileRequest>,
    ) -> Result<Response<GetProfileResponse>, Status> {
        Ok(Response::new(GetProfileResponse {
            id: "1527406014".to_owned(),
            height_cm: Some(178.0),
            weight_kg: Some(60.0),
            size: 7,
        }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("bare-tonic ADDRESS")?;
    let service = ProfileServer::new(Owner);
    Server::builder()
        .add_service(service)
        .serve(address.parse()?)
        .await?;
    Ok(())
}
