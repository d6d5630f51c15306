//! Every promise that the project makes, held against the library and the real binary.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows functions marked #[test] only, and a test's helpers may panic as well"
)]

mod abuse;
mod answered;
mod any_method;
mod board;
mod browser;
mod certs;
mod check;
mod cli_edge_cases;
mod commands;
mod comparison;
mod counted;
mod diff;
mod docs;
mod end_to_end;
mod engines;
mod fleet_scale;
mod flood;
mod frames;
mod generated;
mod health_survey;
mod hosts;
mod html;
mod lab;
mod lab_fleet;
mod layers;
mod layout;
mod logging;
mod markdown;
mod merge;
mod message_memory;
mod oracle;
mod other_servers;
mod outcome_accounting;
mod output;
mod parts;
mod peer;
mod process;
mod profile;
mod question_args;
mod read;
mod reload_restart;
mod saved_runs;
mod schema;
mod schema_reflection;
mod serve;
mod serve_command;
mod similarity;
mod soak;
mod source;
mod spreadsheet;
mod style;
mod support;
mod survey;
mod survey_dns;
mod survey_method;
mod survey_network;
mod survey_room;
mod survey_tls;
mod tips;
mod tls;
mod watch;
mod wrong_servers;
