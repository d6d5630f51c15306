//! The original exercise's protocol: the server sends one JSON object and reads nothing.

use crate::{
    survey::{
        attempt_state::AttemptState,
        classify::{Conclusion, early_end},
        detect::{other_protocol, without_bom},
        outcome::{AttemptPhase, Outcome, Protocol},
        question::Question,
        sniffed_stream::SniffedStream,
    },
    untrusted::Untrusted,
};

/// Reads the object that the peer sends, and ignores what follows it. The peer need not close.
pub(crate) async fn read_raw<Q: Question>(
    question: &Q,
    stream: &SniffedStream,
    state: &AttemptState,
) -> Conclusion<Q::Answer> {
    let mut bytes = Vec::new();
    loop {
        let more = stream.read_raw(&mut bytes).await;
        if !bytes.is_empty() {
            state.lock().phase = AttemptPhase::Body;
        }
        if let Some(outcome) = parse(question, &bytes) {
            return outcome.into();
        }
        if !more {
            let mut conclusion = early_end(&stream.summary(), AttemptPhase::Body);
            if let Outcome::Reset { json_began } = &mut conclusion.outcome {
                *json_began = !bytes.trim_ascii_start().is_empty();
            }
            return conclusion;
        }
        if bytes.len() > question.max_message() {
            return Outcome::TooLarge(None).into();
        }
    }
}

/// The outcome of the first object; `None` while it is incomplete.
fn parse<Q: Question>(question: &Q, bytes: &[u8]) -> Option<Outcome<Q::Answer>> {
    let text = without_bom(bytes).trim_ascii_start();
    if *text.first()? != b'{' {
        let excerpt = Untrusted::first_line(bytes);
        return Some(Outcome::NotGrpc(other_protocol(bytes), excerpt));
    }
    Some(match question.parse_raw(text)? {
        Ok(answer) => Outcome::Ok {
            protocol: Protocol::Raw,
            answer,
        },
        Err(invalid) => Outcome::Invalid(invalid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::GetProfile;

    #[test]
    fn object_is_read_once_it_is_complete() {
        let text = r#"  {"id":"1527406014","height":178,"weight":60,"size":"2xl"}"#;
        // With a byte order mark as well.
        for text in [text.to_owned(), format!("\u{feff}{text}")] {
            let text = text.as_bytes();
            for end in 0..text.len() {
                assert!(parse(&GetProfile, &text[..end]).is_none(), "{end}");
            }
            let outcome = parse(&GetProfile, text).unwrap();
            let (profile, protocol) = outcome.answer().unwrap();
            assert_eq!(protocol, Protocol::Raw);
            assert_eq!(profile.to_string(), "1527406014: 178 cm, 60 kg, XXL");
        }
    }
}
