//! Arguments that choose what every endpoint is asked, shared by the commands that ask many.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use labrpc::{
    question::{self, AnyMethod, DEFAULT_MAX_MESSAGE},
    schema::{self, Method, MethodName, Schema},
    survey::{self, hosts::Hosts},
};
use serde_json::json;
use tonic::metadata::MetadataMap;

use crate::cli::{
    exit::Failure,
    flag_scope::{self, Asked},
    headers::{self, HeaderArg},
    values::{self, ByteSize},
};

/// The question of the computer room.
const GET_PROFILE: &str = "lab.Profile/GetProfile";

/// The question of `--health`.
pub(crate) const HEALTH_CHECK: &str = "grpc.health.v1.Health/Check";

/// Largest request that is read.
const MAX_REQUEST: u64 = 64 * 1024 * 1024;

/// What every endpoint is asked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = flag_scope::QUESTION)]
pub(crate) struct QuestionArgs {
    /// Call this unary method of any service, instead of lab.Profile/GetProfile: package.Service/Method.
    ///
    /// Its schema comes from the reflection of the first endpoint that has it, unless --proto or --protoset is given.
    #[arg(long, value_name = "METHOD", env = "LABRPC_METHOD")]
    method: Option<MethodName>,
    /// Ask for the health of the server, or of this service of it (grpc.health.v1).
    #[arg(
        long,
        value_name = "SERVICE",
        num_args = 0..=1,
        // Without it the endpoint behind the flag would be taken for a service.
        require_equals = true,
        default_missing_value = "",
        conflicts_with_all = ["method", "data", "proto", "protoset"]
    )]
    pub(crate) health: Option<String>,
    /// Send this request, in JSON [default: {}]; @FILE reads it from a file, @ from standard input.
    #[arg(short, long, value_name = "JSON", env = "LABRPC_DATA")]
    data: Option<String>,
    /// Send this header with every call, written as 'name: value'; @FILE reads such lines from a file. Repeatable.
    ///
    /// Values of names that end in -bin are base64. Files are read again in each round. Values are not kept in saved
    /// runs; other users of this machine can see them in the list of processes, unless they are in a file.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    header: Vec<HeaderArg>,
    /// Read the schema from this .proto file. Repeatable.
    #[arg(long, value_name = "FILE", env = "LABRPC_PROTO")]
    proto: Vec<PathBuf>,
    /// Look for the files that --proto imports in this folder. Repeatable.
    #[arg(long, value_name = "DIR", env = "LABRPC_IMPORT_PATH")]
    import_path: Vec<PathBuf>,
    /// Read the schema from this file of descriptors, as protoc --descriptor_set_out and buf build write it.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "proto",
        env = "LABRPC_PROTOSET"
    )]
    protoset: Option<PathBuf>,
    /// Accept messages up to this size.
    #[arg(
        long,
        value_name = "BYTES",
        default_value_t = ByteSize(DEFAULT_MAX_MESSAGE),
        env = "LABRPC_MAX_MSG_SIZE"
    )]
    max_msg_size: ByteSize,
    /// Repeat failed calls even if the server may have executed them.
    ///
    /// Otherwise that depends on the idempotency_level of the method in its schema.
    #[arg(long, env = "LABRPC_IDEMPOTENT")]
    idempotent: bool,
}

impl QuestionArgs {
    pub(crate) fn asked(&self) -> Asked {
        let has_more = self.data.is_some() || !self.header.is_empty() || self.idempotent;
        let has_schema = !self.proto.is_empty() || self.protoset.is_some();
        match &self.method {
            _ if self.health.is_some() => Asked::Health,
            None => Asked::Profile,
            Some(method) if has_more || has_schema || method.to_string() != GET_PROFILE => {
                Asked::Method
            }
            Some(_) => Asked::Profile,
        }
    }

    /// Whether the request comes from standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.data.as_deref() == Some("@")
    }

    /// The metadata of a round.
    pub(crate) fn metadata(&self) -> Result<MetadataMap, Failure> {
        headers::read(&self.header)
    }

    /// The question, which is not that of the computer room. Endpoints are asked for the schema unless the arguments
    /// have one.
    pub(crate) async fn question(
        &self,
        hosts: &Hosts,
        config: &survey::Config,
    ) -> Result<AnyMethod, Failure> {
        let metadata = self.metadata()?;
        let json = self.json()?;
        let method = self.find_method(hosts, config, &metadata).await?;
        let request = method.request(&json).map_err(|error| {
            let message = method.input();
            let fields: Vec<_> = message.fields().map(|f| f.name().to_owned()).collect();
            let fields = match fields.len() {
                0 => "no fields".to_owned(),
                _ => format!("the fields {}", fields.join(", ")),
            };
            Failure::usage(error).hint(format_args!("{} has {fields}", message.full_name()))
        })?;
        let mut question = AnyMethod::new(method, request);
        question.metadata = metadata;
        question.max_message = self.max_msg_size.0;
        question.is_idempotent |= self.idempotent || self.health.is_some();
        Ok(question)
    }

    /// The question of another round. Files of headers are read again; if that fails, the previous headers are kept.
    pub(crate) fn renewed(&self, question: &AnyMethod) -> AnyMethod {
        let mut renewed = question.renewed([]);
        match self.metadata() {
            Ok(metadata) => renewed.metadata = metadata,
            Err(failure) => _ = failure.report(),
        }
        renewed
    }

    /// The request in JSON.
    fn json(&self) -> Result<String, Failure> {
        if let Some(service) = &self.health {
            return Ok(json!({ "service": service }).to_string());
        }
        match self.data.as_deref() {
            None => Ok(String::new()),
            Some("@") => {
                let mut text = String::new();
                let read = io::stdin()
                    .lock()
                    .take(MAX_REQUEST)
                    .read_to_string(&mut text);
                read.map_err(|error| Failure::io("standard input", &error))?;
                Ok(text)
            }
            Some(data) => match data.strip_prefix('@') {
                Some(file) => values::read_text(Path::new(file), MAX_REQUEST),
                None => Ok(data.to_owned()),
            },
        }
    }

    async fn find_method(
        &self,
        hosts: &Hosts,
        config: &survey::Config,
        metadata: &MetadataMap,
    ) -> Result<Arc<Method>, Failure> {
        let name = match &self.method {
            Some(name) => name.clone(),
            None => HEALTH_CHECK.parse().map_err(Failure::internal)?,
        };
        let built_in = Schema::built_in();
        let schema = if !self.proto.is_empty() {
            Schema::compile(&self.proto, &self.import_path)?
        } else if let Some(file) = &self.protoset {
            Schema::read(file)?
        } else if built_in.has_service(&name.service) {
            built_in
        } else {
            let found = question::find_method(hosts, config, metadata, self.max_msg_size.0, &name);
            return found.await.map_err(|error| {
                let hint = match error.is_unreachable {
                    true => {
                        "no endpoint could be reached; are the servers up? --wait TIME keeps trying"
                    }
                    false => "give the schema with --proto FILE or --protoset FILE",
                };
                Failure::usage(error).hint(hint)
            });
        };
        Ok(schema.method(&name)?)
    }
}

impl From<schema::Error> for Failure {
    fn from(error: schema::Error) -> Self {
        let is_proto = matches!(error, schema::Error::Proto(_));
        let failure = Self::file(&error, error.is_io());
        match is_proto {
            true => failure.hint("imports are looked for in the folders of --import-path"),
            false => failure,
        }
    }
}
