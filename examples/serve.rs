//! Serves one profile until Ctrl-C: `cargo run --example serve -- 127.0.0.1:1024`.

use std::error::Error;

use labrpc::{
    profile::Profile,
    serve::{self, Config, listen::Listener},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("127.0.0.1:1024").parse()?;
    let profile: Profile =
        serde_json::from_str(r#"{"id": "1001", "height": 178, "weight": 60.5, "size": "XL"}"#)?;
    let listener = Listener::tcp(address, false)?;
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    // The second future would end the drain before its timeout.
    let cut = std::future::pending();
    let end = serve::run(vec![listener], Config::new(profile), shutdown, cut).await;
    println!("{end:?}");
    Ok(())
}
