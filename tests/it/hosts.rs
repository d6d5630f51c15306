//! The host grammar: what it accepts, its error messages, and folding endpoints back into expressions.

use labrpc::survey::{
    endpoint::{Address, Endpoint},
    hosts::{Builder, Hosts, LabelInterner, exactly_one, fold},
};
use proptest::prelude::*;

fn expand(contents: &[u8]) -> Result<Vec<String>, String> {
    let mut builder = Builder::default();
    builder.read("hosts.txt", contents);
    let hosts = builder.build().map_err(|errors| errors.to_string())?;
    Ok(hosts.iter().map(|endpoint| endpoint.to_string()).collect())
}

#[test]
fn good_lists_are_expanded() {
    let utf16 = |text: &str, le: bool| {
        let bytes = |unit: u16| {
            if le {
                unit.to_le_bytes()
            } else {
                unit.to_be_bytes()
            }
        };
        std::iter::once(0xfeff)
            .chain(text.encode_utf16())
            .flat_map(bytes)
            .collect::<Vec<u8>>()
    };
    let table: &[(&[u8], &str)] = &[
        (b"", ""),
        (b"# no endpoint\n\n   \n", ""),
        (b"192.168.1.7", "192.168.1.7:1024"),
        (b"192.168.1.7:80\r\n", "192.168.1.7:80"),
        (b"a, b ,c # three\nd", "a:1024 b:1024 c:1024 d:1024"),
        (b"Lab01.Example.", "lab01.example.:1024"),
        (b"under_score:1", "under_score:1"),
        (b"::1", "[::1]:1024"),
        (b"[::1]:7,[2001:db8::A]", "[::1]:7 [2001:db8::a]:1024"),
        (b"unix:/run/lab#1.sock # a comment", "unix:/run/lab#1.sock"),
        (b"dns+Svc.example", "dns+svc.example:1024"),
        (
            b"raw://dns+svc[1-2].example:5",
            "raw://dns+svc1.example:5 raw://dns+svc2.example:5",
        ),
        (b"svc.example@10.0.0.7:5", "svc.example@10.0.0.7:5"),
        (
            b"raw://svc@10.0.0.[7-8]",
            "raw://svc@10.0.0.7:1024 raw://svc@10.0.0.8:1024",
        ),
        (b"svc@[::1]:[5-6]", "svc@[::1]:5 svc@[::1]:6"),
        (b"raw://127.0.0.1", "raw://127.0.0.1:1024"),
        (b"RAW://lab[1-2]:9", "raw://lab1:9 raw://lab2:9"),
        (
            b"192.168.1.9-11",
            "192.168.1.9:1024 192.168.1.10:1024 192.168.1.11:1024",
        ),
        (
            b"192.168.1.9-192.168.1.10:5",
            "192.168.1.9:5 192.168.1.10:5",
        ),
        (
            b"10.0.0-1.1-2",
            "10.0.0.1:1024 10.0.0.2:1024 10.0.1.1:1024 10.0.1.2:1024",
        ),
        (
            b"192.168.1.[3,7-8]",
            "192.168.1.3:1024 192.168.1.7:1024 192.168.1.8:1024",
        ),
        (
            b"lab[09-10].example",
            "lab09.example:1024 lab10.example:1024",
        ),
        (b"lab[9-10]", "lab9:1024 lab10:1024"),
        (b"r[1-2]s[1-2]", "r1s1:1024 r1s2:1024 r2s1:1024 r2s2:1024"),
        (
            b"localhost:[1024-1026]",
            "localhost:1024 localhost:1025 localhost:1026",
        ),
        (b"[::1]:[5-6]", "[::1]:5 [::1]:6"),
        (
            b"10.0.0.0/30",
            "10.0.0.0:1024 10.0.0.1:1024 10.0.0.2:1024 10.0.0.3:1024",
        ),
        (b"10.0.0.4/32:99", "10.0.0.4:99"),
        (b"[2001:db8::/127]:5", "[2001:db8::]:5 [2001:db8::1]:5"),
        (
            b"255.255.255.254/31",
            "255.255.255.254:1024 255.255.255.255:1024",
        ),
        (
            b"raw://10.0.0.0/31",
            "raw://10.0.0.0:1024 raw://10.0.0.1:1024",
        ),
        (b"\xef\xbb\xbfa", "a:1024"),
        (&utf16("lab[1-2]\r\n", true), "lab1:1024 lab2:1024"),
        (&utf16("# \u{6559}\u{5ba4}\na", false), "a:1024"),
        (b"[]", ""),
        (
            br#" [ {"targets": ["a:5", "10.0.0.1-2"], "labels": {"room": "B"}}, {"targets": []} ]"#,
            "a:5 10.0.0.1:1024 10.0.0.2:1024",
        ),
    ];
    for (contents, expected) in table {
        let expected: Vec<&str> = expected.split_whitespace().collect();
        let text = String::from_utf8_lossy(contents);
        assert_eq!(
            expand(contents).as_deref(),
            Ok(expected.as_slice())
                .map(|e| e.iter().map(ToString::to_string).collect::<Vec<_>>())
                .as_deref(),
            "{text}"
        );
    }
}

/// Every endpoint with its labels, as one line each.
fn labelled(hosts: &Hosts) -> Vec<String> {
    let lines = hosts.iter().enumerate().map(|(index, endpoint)| {
        let labels = hosts.labels(index).into_iter().flat_map(|l| l.iter());
        let labels = labels.map(|(name, value)| format!(" {name}={value}"));
        format!("{endpoint}{}", labels.collect::<String>())
    });
    lines.collect()
}

#[test]
fn labels_of_file_sd_belong_to_every_endpoint_of_their_targets() {
    let mut builder = Builder::default();
    builder.argument("first:1");
    builder.read(
        "targets.json",
        br#"[
            {"targets": ["10.0.0.1-3:80", "web[1-2]:80"],
             "labels": {"zone": "b", "env": "prod", "__meta_filepath": "/x", "empty": ""}},
            {"targets": ["plain:80"]},
            {"targets": ["none:80"], "labels": null},
            {"targets": ["last:80"], "labels": {"zone": "a\u001b[2J"}}
        ]"#,
    );
    builder.argument("argument:1");
    builder.exclude("10.0.0.2");
    let hosts = builder.build().unwrap();
    assert_eq!(
        labelled(&hosts),
        [
            "first:1",
            "10.0.0.1:80 env=prod zone=b",
            "10.0.0.3:80 env=prod zone=b",
            "web1:80 env=prod zone=b",
            "web2:80 env=prod zone=b",
            "plain:80",
            "none:80",
            r"last:80 zone=a\u{1b}[2J",
            "argument:1",
        ]
    );
    assert_eq!(hosts.labels(99), None);
    // As a saved run keeps them.
    let mut interner = LabelInterner::default();
    let pairs = (0..hosts.len()).map(|index| {
        let labels = hosts.labels(index).map(|labels| labels.iter());
        (
            hosts.get(index),
            interner.labels(labels.into_iter().flatten()),
        )
    });
    let again: Hosts = pairs.collect();
    assert_eq!(labelled(&again), labelled(&hosts));
}

fn read_labelled(contents: &str) -> Result<Vec<String>, String> {
    let mut builder = Builder::default();
    builder.read("slices.json", contents.as_bytes());
    let hosts = builder.build().map_err(|errors| errors.to_string())?;
    Ok(labelled(&hosts))
}

/// gRPC ports where some are marked, TCP ports otherwise; a terminating pod only as long as it serves.
#[test]
fn endpoint_slices_are_read_with_their_labels() {
    let slices = read_labelled(include_str!("../fixtures/endpointslices.json")).unwrap();
    assert_eq!(
        slices,
        [
            "10.244.1.7:50051 namespace=shop node=node-a pod=quotes-6d4cf56db6-9xk2p port=grpc ready=true service=quotes zone=eu-1a",
            "10.244.2.9:50051 namespace=shop node=node-b pod=quotes-6d4cf56db6-tq4ld port=grpc ready=false service=quotes zone=eu-1b",
            "10.244.2.8:50051 namespace=shop node=node-b pod=quotes-5c8f7d9bb4-m2wzn port=grpc ready=false service=quotes zone=eu-1b",
            "[fd00:10:244:1::7]:50051 namespace=shop node=node-a pod=quotes-6d4cf56db6-9xk2p port=api ready=true service=quotes zone=eu-1a",
            "legacy.example.com:443 namespace=shop ready=true service=legacy",
            "10.244.1.2:53 namespace=kube-system node=node-a pod=coredns-7db6d8ff4d-abcde port=dns-tcp ready=true service=kube-dns zone=eu-1a",
            "10.244.1.2:9153 namespace=kube-system node=node-a pod=coredns-7db6d8ff4d-abcde port=metrics ready=true service=kube-dns zone=eu-1a",
        ]
    );
}

#[test]
fn other_forms_of_kubernetes_endpoints_are_read() {
    for (contents, expected) in [
        // One object.
        (
            r#"{"kind": "EndpointSlice", "addressType": "IPv4", "ports": [{"port": 5}],
                "endpoints": [{"addresses": ["10.0.0.1", "10.0.0.2"]}]}"#,
            "10.0.0.1:5 ready=true, 10.0.0.2:5 ready=true",
        ),
        // The items of the API itself have no kind, and a port without a number is every port.
        (
            r#"{"kind": "EndpointSliceList", "items": [{"metadata": {"name": "a"}, "addressType": "IPv4",
                "ports": [{"name": "all"}, {"name": "x-grpc", "port": 6}, {"port": 7}],
                "endpoints": [{"addresses": ["10.0.0.1"], "targetRef": {"kind": "Node", "name": "n"}}]}]}"#,
            "10.0.0.1:6 port=x-grpc ready=true",
        ),
        // kubectl get endpoints.
        (
            r#"{"kind": "List", "items": [{"kind": "Endpoints", "metadata": {"name": "web", "namespace": "shop"},
                "subsets": [{"addresses": [{"ip": "10.0.0.1", "nodeName": "n", "targetRef": {"kind": "Pod", "name": "p"}}],
                    "notReadyAddresses": [{"ip": "fd00::2"}], "ports": [{"port": 8, "protocol": "TCP"}]}, {}]},
                {"kind": "Endpoints", "subsets": null}]}"#,
            "10.0.0.1:8 namespace=shop node=n pod=p ready=true service=web, [fd00::2]:8 namespace=shop ready=false service=web",
        ),
        (r#"{"kind": "List", "items": []}"#, ""),
    ] {
        let found = read_labelled(contents).map(|lines| lines.join(", "));
        assert_eq!(found.as_deref(), Ok(expected), "{contents}");
    }
}

#[test]
fn bad_kubernetes_objects_are_rejected_with_their_item_and_remedy() {
    for (contents, expected) in [
        (
            r#"{"kind": "List", "items": [{"kind": "EndpointSlice", "addressType": "IPv4"},
                {"kind": "Pod", "metadata": {"name": "web-0", "namespace": "shop"}}]}"#,
            "slices.json: items[1] Pod shop/web-0: kind \"Pod\" has no endpoints; give the output of kubectl get endpointslices -o json",
        ),
        (
            r#"{"labrpc_run": 1}"#,
            "slices.json: kind \"\" has no endpoints; give the output of kubectl get endpointslices -o json",
        ),
        (
            r#"{"kind": "EndpointSlice", "metadata": {"name": "web-x7k2p", "namespace": "shop"}, "addressType": "IPv4",
                "ports": [{"port": 5}], "endpoints": [{"addresses": ["10.0.0.300"]}]}"#,
            "slices.json: EndpointSlice shop/web-x7k2p: \"10.0.0.300\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
        ),
        (
            r#"{"kind": "EndpointSlice", "addressType": "FQDN", "ports": [{"port": 5}],
                "endpoints": [{"addresses": ["a[1-9]"]}]}"#,
            "slices.json: EndpointSlice: \"a[1-9]\": not a host name, which has labels of 1 to 63 letters, digits and hyphens; a range is written 192.168.1.[1-40]",
        ),
        (
            r#"{"kind": "EndpointSlice", "addressType": "\u001b[2J"}"#,
            "slices.json: EndpointSlice: addressType is \"\\u{1b}[2J\"; it must be IPv4, IPv6 or FQDN",
        ),
        (
            r#"{"kind": "EndpointSlice", "ports": [{"port": 70000}]}"#,
            "slices.json:1:50: not what kubectl get endpointslices -o json prints: invalid value: integer `70000`, expected u16 at line 1 column 50",
        ),
        (
            r#"{"kind": "#,
            "slices.json:1:9: not what kubectl get endpointslices -o json prints: EOF while parsing a value at line 1 column 9",
        ),
    ] {
        assert_eq!(
            read_labelled(contents).as_ref().map_err(String::as_str),
            Err(expected),
            "{contents}"
        );
    }
}

#[test]
fn bad_lists_are_rejected_with_position_and_remedy() {
    let table: &[(&[u8], &str)] = &[
        (
            b"a\n192.168.1.256",
            "hosts.txt:2:1: \"192.168.1.256\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
        ),
        (
            b"  192.168.1",
            "hosts.txt:1:3: \"192.168.1\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
        ),
        (
            b"192.168.1.[01-40]",
            "hosts.txt:1:1: \"192.168.1.[01-40]\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
        ),
        (
            b"192.168.1.250-256",
            "hosts.txt:1:1: \"192.168.1.250-256\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
        ),
        (
            b"192.168.1.1-192.168.2.40",
            "hosts.txt:1:1: \"192.168.1.1-192.168.2.40\": not an IPv4 address: that is four numbers from 0 to 255, without leading zeros",
        ),
        (
            b"a, 192.168.1.40-1",
            "hosts.txt:1:4: \"192.168.1.40-1\": the range runs backwards; write 1-40",
        ),
        (
            b"lab[40-1]",
            "hosts.txt:1:1: \"lab[40-1]\": the range runs backwards; write 1-40",
        ),
        (
            b"lab[1-40",
            "hosts.txt:1:1: \"lab[1-40\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]",
        ),
        (
            b"lab1-40]",
            "hosts.txt:1:1: \"lab1-40]\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]",
        ),
        (
            b"lab[a-z]",
            "hosts.txt:1:1: \"lab[a-z]\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]",
        ),
        (
            b"lab[]",
            "hosts.txt:1:1: \"lab[]\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]",
        ),
        (
            b"lab01:0",
            "hosts.txt:1:1: \"lab01:0\": a port is a number from 1 to 65535",
        ),
        (
            b"lab01:65536",
            "hosts.txt:1:1: \"lab01:65536\": a port is a number from 1 to 65535",
        ),
        (
            b"lab01:",
            "hosts.txt:1:1: \"lab01:\": a port is a number from 1 to 65535",
        ),
        (
            b"lab:[65530-65540]",
            "hosts.txt:1:1: \"lab:[65530-65540]\": a port is a number from 1 to 65535",
        ),
        (
            b":1024",
            "hosts.txt:1:1: \":1024\": there is no host before the port",
        ),
        (
            b"lab 01",
            "hosts.txt:1:1: \"lab 01\": a space inside; separate endpoints by commas or lines",
        ),
        (
            b"unix:/tmp/\x1b[31mx",
            "hosts.txt:1:1: \"unix:/tmp/\\u{1b}[31mx\": a control character inside; take it out",
        ),
        (
            "unix:/tmp/\u{202e}x".as_bytes(),
            "hosts.txt:1:1: \"unix:/tmp/\\u{202e}x\": a control character inside; take it out",
        ),
        (
            b"lab[000000000000000000001-2]",
            "hosts.txt:1:1: \"lab[000000000000000000001-2]\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]",
        ),
        (
            b"http://lab01/",
            "hosts.txt:1:1: \"http://lab01/\": only raw:// may stand before a host; leave the scheme out (all addresses of a name: dns+name:port)",
        ),
        (
            b"unix:",
            "hosts.txt:1:1: \"unix:\": a path must follow, as in unix:/run/labrpc.sock",
        ),
        (
            b"raw://unix:/a",
            "hosts.txt:1:1: \"raw://unix:/a\": raw:// needs host:port; a socket is written unix:PATH",
        ),
        (
            b"dns+10.0.0.7:5, dns+[::1]:5, dns+dns+a",
            "hosts.txt:1:1: \"dns+10.0.0.7:5\": dns+ stands before a name, as in dns+service.example:50051\n\
             hosts.txt:1:17: \"dns+[::1]:5\": dns+ stands before a name, as in dns+service.example:50051\n\
             hosts.txt:1:30: \"dns+dns+a\": dns+ stands before a name, as in dns+service.example:50051",
        ),
        (
            b"a@b, a@dns+bcd, a@b@10.0.0.7",
            "hosts.txt:1:1: \"a@b\": after a name and @ stands one of its IP addresses, as in service.example@10.0.0.7:50051\n\
             hosts.txt:1:6: \"a@dns+bcd\": after a name and @ stands one of its IP addresses, as in service.example@10.0.0.7:50051\n\
             hosts.txt:1:17: \"a@b@10.0.0.7\": after a name and @ stands one of its IP addresses, as in service.example@10.0.0.7:50051",
        ),
        (
            b"@10.0.0.7",
            "hosts.txt:1:1: \"@10.0.0.7\": there is no host before the port",
        ),
        (
            b"fe80::1%eth0",
            "hosts.txt:1:1: \"fe80::1%eth0\": IPv6 zones (%eth0) are not supported; use a global address",
        ),
        (
            b"1::2::3",
            "hosts.txt:1:1: \"1::2::3\": not an IPv6 address; with a port it is written [2001:db8::1]:1024",
        ),
        (
            b"[::1]1024",
            "hosts.txt:1:1: \"[::1]1024\": not an IPv6 address; with a port it is written [2001:db8::1]:1024",
        ),
        (
            b"10.0.0.5/26",
            "hosts.txt:1:1: \"10.0.0.5/26\": the address has bits behind its prefix; the network is 10.0.0.0/26",
        ),
        (
            b"10.0.0.0/33",
            "hosts.txt:1:1: \"10.0.0.0/33\": the prefix length behind the slash must be 0 to 32 (IPv6: 128), as in 10.0.0.0/26",
        ),
        (
            b"lab-.example",
            "hosts.txt:1:1: \"lab-.example\": not a host name, which has labels of 1 to 63 letters, digits and hyphens; a range is written 192.168.1.[1-40]",
        ),
        (
            "a\n教室, 老师".as_bytes(),
            "hosts.txt:2:1: \"教室\": not a host name, which has labels of 1 to 63 letters, digits and hyphens; a range is written 192.168.1.[1-40]\nhosts.txt:2:5: \"老师\": not a host name, which has labels of 1 to 63 letters, digits and hyphens; a range is written 192.168.1.[1-40]",
        ),
        (
            b"a\x1b[2Jb",
            "hosts.txt:1:1: \"a\\u{1b}[2Jb\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]",
        ),
        (
            b"ok\nb\xffd",
            "hosts.txt:2:2: byte 0xff is not UTF-8; save the file as UTF-8 text",
        ),
        (
            b"a\0b\0",
            "hosts.txt: NUL bytes, so not text (or UTF-16 without its mark); save it as UTF-8",
        ),
        (
            b"\xff\xfea",
            "hosts.txt: damaged UTF-16; save the file as UTF-8 text",
        ),
        (
            b"3-[01-02]",
            "hosts.txt:1:1: \"3-[01-02]\": digits, dots and hyphens alone are read as ranges of an IPv4 address; put a domain behind the name",
        ),
        (
            b"unix",
            "hosts.txt:1:1: \"unix\": a path must follow, as in unix:/run/labrpc.sock",
        ),
        (
            b"raw://UNIX:80",
            "hosts.txt:1:1: \"raw://UNIX:80\": raw:// needs host:port; a socket is written unix:PATH",
        ),
        (
            b"[{\"targets\": [\"unix:/a,b\"]}]",
            "hosts.txt: \"unix:/a,b\": a comma inside; write a target for each endpoint",
        ),
        (
            b"[{\"targets\": 5}]",
            "hosts.txt:1:14: not a file_sd array, [{\"targets\": [\"host:port\"]}]: invalid type: integer `5`, expected a sequence at line 1 column 14",
        ),
        (
            b"[{\"targets\": [\"a\"], \"labels\": {\"tier\": 1}}]",
            "hosts.txt:1:40: not a file_sd array, [{\"targets\": [\"host:port\"]}]: invalid type: integer `1`, expected a string at line 1 column 40",
        ),
        (
            b"10.0.0.0/8",
            "host list: 16777216 endpoints are more than 1000000; say --max-hosts 16777216 if that is meant",
        ),
        (
            b"::/0",
            "host list: 340282366920938463463374607431768211455 endpoints are more than 1000000; say --max-hosts 340282366920938463463374607431768211455 if that is meant",
        ),
        (
            b"a[0-18446744073709551615][0-18446744073709551615][0-9]",
            "host list: 340282366920938463463374607431768211455 endpoints are more than 1000000; say --max-hosts 340282366920938463463374607431768211455 if that is meant",
        ),
    ];
    for (contents, expected) in table {
        let text = String::from_utf8_lossy(contents);
        assert_eq!(
            expand(contents).as_ref().map_err(String::as_str),
            Err(*expected),
            "{text}"
        );
    }
}

#[test]
fn errors_beyond_ten_are_counted() {
    let errors = expand("-\n".repeat(1000).as_bytes()).unwrap_err();
    assert_eq!(errors.lines().count(), 11);
    assert!(
        errors.ends_with("\nand 990 more bad expressions"),
        "{errors}"
    );
}

/// More digits than a formatter takes, and fewer than an argument may have.
#[test]
fn too_many_digits_are_rejected() {
    for zeros in [70_000, 120_000] {
        let error = exactly_one(&format!("lab[{}1-2]", "0".repeat(zeros))).unwrap_err();
        assert!(error.to_string().contains("brackets hold"), "{error}");
    }
}

#[test]
fn exactly_one_rejects_several_endpoints_with_their_count() {
    assert_eq!(exactly_one("lab01").unwrap().to_string(), "lab01:1024");
    for (text, expected) in [
        ("a,b", "argument: \"a,b\": 2 endpoints where one is meant"),
        ("", "argument: \"\": 0 endpoints where one is meant"),
        (
            "0.0.0.0/0",
            "argument: \"0.0.0.0/0\": 4294967296 endpoints where one is meant",
        ),
        (
            "dns+svc.example:5",
            "argument: \"dns+svc.example:5\": all addresses of a name where one endpoint is meant; leave dns+ out",
        ),
        (
            "a b",
            "argument: \"a b\": a space inside; separate endpoints by commas or lines",
        ),
    ] {
        assert_eq!(exactly_one(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn duplicates_are_found_in_every_spelling() {
    let mut builder = Builder::default();
    builder.read("a", b"127.0.0.1-3\nLAB,[::1]\nraw://127.0.0.1");
    builder.argument("127.0.0.2:1024,lab:1024,0:0::1,127.0.0.3:99");
    let hosts = builder.build().unwrap();
    let duplicates: Vec<_> = (0..hosts.len())
        .map(|index| hosts.duplicate_of(index))
        .collect();
    assert_eq!(
        duplicates,
        [
            None,
            None,
            None,
            None,
            None,
            None,
            Some(1),
            Some(3),
            Some(4),
            None
        ]
    );
}

#[test]
fn exclusion_without_a_port_covers_all_ports() {
    let mut builder = Builder::default();
    builder.read(
        "a",
        b"10.0.0.0/29,10.0.0.1:7,10.0.0.2:7,lab[1-3],lab2:5,unix:/a,[2001:db8::/126]",
    );
    for text in [
        "10.0.0.1",
        "10.0.0.2:7",
        "10.0.0.4/30",
        "lab[2-3]",
        "unix:/a",
        "[2001:db8::/127]:1024",
    ] {
        builder.exclude(text);
    }
    let hosts = builder.build().unwrap();
    let left: Vec<_> = hosts.iter().map(|endpoint| endpoint.to_string()).collect();
    assert_eq!(
        left.join(" "),
        "10.0.0.0:1024 10.0.0.2:1024 10.0.0.3:1024 lab1:1024 [2001:db8::2]:1024 [2001:db8::3]:1024"
    );
    assert_eq!(hosts.excluded(), 13);

    let mut builder = Builder::default();
    builder.exclude("lab[1-2");
    assert_eq!(
        builder.build().unwrap_err().to_string(),
        "--exclude: \"lab[1-2\": brackets hold numbers and ranges, as in [1-40] or [3,7,12]"
    );
}

#[test]
fn endpoints_fold_into_short_expressions() {
    let folded = |text: &str| {
        let mut builder = Builder::default();
        builder.argument(text);
        fold(builder.build().unwrap().iter())
    };
    assert_eq!(
        folded("192.168.1.12,192.168.1.3,192.168.1.7"),
        "192.168.1.[3,7,12]"
    );
    assert_eq!(folded("192.168.1.3"), "192.168.1.3");
    assert_eq!(folded("192.168.1.1-40"), "192.168.1.[1-40]");
    assert_eq!(folded("lab[08-11].example:99"), "lab[08-11].example:99");
    assert_eq!(folded("[::1],unix:/a1,lab"), "[::1], unix:/a1, lab");
    assert_eq!(folded("raw://10.0.0.1-2"), "raw://10.0.0.[1-2]");
    assert_eq!(
        folded("svc.x@10.0.0.9:5,svc.x@10.0.0.10:5,other.x@10.0.0.11:5"),
        "other.x@10.0.0.11:5, svc.x@10.0.0.[9-10]:5"
    );
    assert_eq!(
        folded("svc@[::1],dns+svc,dns+lab[1-2].example"),
        "dns+lab[1-2].example, svc@[::1], dns+svc"
    );
}

/// JSON with the keys and values of discovery files, in right and wrong places.
fn discovery_json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    const KEYS: &[&str] = &[
        "kind",
        "items",
        "metadata",
        "name",
        "namespace",
        "labels",
        "addressType",
        "endpoints",
        "ports",
        "port",
        "protocol",
        "subsets",
        "addresses",
        "notReadyAddresses",
        "ip",
        "conditions",
        "ready",
        "targetRef",
        "targets",
        "kubernetes.io/service-name",
        "__meta",
    ];
    const TEXTS: &[&str] = &[
        "List",
        "EndpointSlice",
        "EndpointSliceList",
        "Endpoints",
        "Pod",
        "IPv4",
        "IPv6",
        "FQDN",
        "TCP",
        "10.0.0.1",
        "10.0.0.0/30",
        "fd00::1",
        "web.example",
        "a[1-3]:9",
        "unix:/a",
        "grpc",
        "",
        "\u{1b}",
        ":",
        "x y",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..70_000).prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(5, 60, 4, |inner| {
        let object = prop::collection::vec((prop::sample::select(KEYS), inner.clone()), 0..5);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
            object.prop_map(|fields| fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()),
        ]
    });
    // A slice that is right but for some of its fields reaches further into the reader.
    let slice = (
        any.clone(),
        prop::option::of(prop::sample::select(KEYS)),
        prop::sample::select(TEXTS),
    );
    prop_oneof![
        any,
        slice.prop_map(|(wrong, key, address)| {
            let mut slice = serde_json::json!({
                "kind": "EndpointSlice", "addressType": "FQDN", "metadata": {"name": address},
                "ports": [{"name": address, "port": 5}], "endpoints": [{"addresses": [address]}],
            });
            if let Some(key) = key {
                slice[key] = wrong;
            }
            serde_json::json!({"kind": "List", "items": [slice]})
        }),
    ]
}

proptest! {
    /// A folded list can be parsed again and names the same endpoints.
    #[test]
    fn folding_is_reversible(texts in prop::collection::vec(
        "(raw://)?((lab[0-9]\\.x@)?(10\\.0\\.[0-3]\\.[1-9][0-9]?)|(dns\\+)?(lab[0-9]{1,3}(\\.x[0-9])?)|(lab@)?(\\[::[1-9]\\]))(:[1-9][0-9]{0,3})?", 1..60)
    ) {
        let endpoints = |text: &str| {
            let mut builder = Builder::default();
            builder.argument(text);
            let hosts = builder.build().unwrap();
            let mut all: Vec<_> = hosts.iter().map(|endpoint| endpoint.to_string()).collect();
            all.sort();
            all.dedup();
            all
        };
        let text = texts.join(",");
        let mut builder = Builder::default();
        builder.argument(&text);
        let folded = fold(builder.build().unwrap().iter());
        prop_assert_eq!(endpoints(&folded), endpoints(&text), "{} from {}", folded, text);
    }

    /// Every endpoint of a list has a canonical text that names the same endpoint, on the command line, in a file
    /// and in a saved run.
    #[test]
    fn canonical_text_of_every_endpoint_reads_back_as_that_endpoint(
        texts in prop::collection::vec(
            prop_oneof![
                // Names, addresses and patterns that are nearly something else.
                "(raw://|RAW://)?(dns\\+|a@|12@|\\[1-2\\]@)?(unix|UNIX|a|b-|-|\\.|0|3|12|255|1-2|0\\[8-9\\]|\\[01-02\\]|\\[3,7-8\\]){1,7}(:[1-9][0-9]{0,3}|:\\[7-8\\])?",
                "(10|10-11)\\.0\\.(0|0-1)\\.(1|1-3|\\[4,6\\])(:9)?",
                "(dns\\+|a@)?\\[(::|fe80::)[1-9a-f]{1,4}\\](:[1-9])?",
                "10\\.0\\.0\\.0/(30|31|32)(:5)?",
                "unix:[-/a#:.,=@%\\[\\]\\\\\"0-9]{1,12}",
            ],
            1..4,
        ),
        file_sd in any::<bool>(),
    ) {
        let contents = if file_sd {
            serde_json::json!([{ "targets": texts }]).to_string()
        } else {
            texts.join("\n")
        };
        let mut builder = Builder::default();
        builder.read("hosts", contents.as_bytes());
        if let Ok(hosts) = builder.build() {
            for endpoint in hosts.iter() {
                let text = endpoint.to_string();
                prop_assert_eq!(text.parse::<Endpoint>(), Ok(endpoint.clone()), "{} from {}", text, contents);
                let is_one = !matches!(endpoint.address, Address::Dns(..));
                prop_assert_eq!(exactly_one(&text).ok(), is_one.then_some(endpoint), "{} from {}", text, contents);
            }
        }
    }

    /// No JSON makes the readers of discovery files panic: anything may stand in any place.
    #[test]
    fn any_json_ends_in_a_list_or_an_error(document in discovery_json()) {
        let contents = document.to_string();
        let mut builder = Builder::default().max_hosts(5000);
        builder.read("any.json", contents.as_bytes());
        if let Ok(hosts) = builder.build() {
            for (index, endpoint) in hosts.iter().enumerate() {
                let text = endpoint.to_string();
                prop_assert_eq!(exactly_one(&text).map_err(|e| e.to_string()), Ok(endpoint));
                let _ = hosts.labels(index).map(|labels| labels.get("pod"));
            }
        }
    }

    /// No text makes the parser panic, and every accepted list can be expanded to its last endpoint.
    #[test]
    fn any_bytes_end_in_a_list_or_an_error(contents in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = expand(&contents);
    }

    #[test]
    fn any_near_miss_ends_in_a_list_or_an_error(text in "[-0-9a-c\\[\\]:./,# @]{0,24}") {
        let mut builder = Builder::default().max_hosts(5000);
        builder.argument(&text);
        if let Ok(hosts) = builder.build() {
            for endpoint in hosts.iter() {
                let text = endpoint.to_string();
                let again = expand(text.as_bytes());
                prop_assert_eq!(again, Ok(vec![text]));
            }
        }
    }
}
