//! The endpoints of a list, by index.

use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
    sync::Arc,
};

use crate::{
    survey::{
        endpoint::{Address, Endpoint},
        hosts::{
            exclusions::Exclusions,
            expression::Expression,
            labels::Labels,
            part::{Hasher, Part},
        },
    },
    untrusted::Untrusted,
};

/// The endpoints of a survey, in input order, numbered from 0. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Hosts(Arc<List>);

#[derive(Debug, Default)]
struct List {
    expressions: Vec<Expression>,
    /// The labels of each expression's endpoints; shorter if the last ones have none.
    labels: Vec<Option<Labels>>,
    /// Of each endpoint, its expression and the offset in that expression's expansion.
    offsets: Vec<(u32, u32)>,
    /// Of each endpoint its place in the whole list, from 1; empty if these are the places here.
    lines: Vec<u32>,
    /// The list that this is a part of.
    part: Option<Part>,
    /// For each endpoint that is listed again, the index of its first listing.
    duplicates: HashMap<usize, usize>,
    excluded: usize,
    /// What was taken out. The addresses of names are held against it when they are known.
    exclusions: Exclusions,
    max_hosts: usize,
    /// Why the addresses of a name are not in the list.
    unresolved: HashMap<Box<str>, Untrusted>,
}

/// What the names of [`Hosts::names_to_resolve`] were resolved to.
pub(crate) type Addresses = HashMap<Box<str>, Result<Vec<IpAddr>, Untrusted>>;

impl List {
    fn new(
        expressions: Vec<Expression>,
        labels: Vec<Option<Labels>>,
        exclusions: Exclusions,
        max_hosts: usize,
        part: Option<Part>,
    ) -> Self {
        let mut list = Self {
            labels,
            exclusions,
            max_hosts,
            part,
            ..Self::default()
        };
        let (mut first_index, mut hasher) = (FirstIndex::new(), Hasher::default());
        for (number, expression) in (0..).zip(&expressions) {
            for (offset, endpoint) in (0..).zip(expression.endpoints()) {
                if list.exclusions.contain(&endpoint) {
                    list.excluded += 1;
                    continue;
                }
                if let Some(part) = &mut list.part {
                    if !part.add(&endpoint, &mut hasher) {
                        continue;
                    }
                    list.lines.push(part.listed as u32);
                }
                list.push(endpoint, (number, offset), &mut first_index);
            }
        }
        list.expressions = expressions;
        list
    }

    fn push(&mut self, endpoint: Endpoint, at: (u32, u32), first_index: &mut FirstIndex) {
        let index = self.offsets.len();
        self.offsets.push(at);
        let first = *first_index.entry(endpoint).or_insert(index);
        if first != index {
            self.duplicates.insert(index, first);
        }
    }

    /// Adds an expression of one endpoint, and returns where it is.
    fn add_single(&mut self, endpoint: Endpoint, labels: Option<Labels>) -> (u32, u32) {
        let number = self.expressions.len();
        self.expressions.push(Expression::Single(endpoint));
        if labels.is_some() {
            self.labels.resize(number, None);
            self.labels.push(labels);
        }
        (number as u32, 0)
    }
}

/// The index at which each endpoint is listed first.
type FirstIndex = HashMap<Endpoint, usize>;

impl Hosts {
    /// Expands expressions. The caller has checked that all their endpoints fit into memory and 32-bit offsets.
    pub(super) fn new(
        expressions: Vec<Expression>,
        labels: Vec<Option<Labels>>,
        exclusions: Exclusions,
        max_hosts: usize,
        part: Option<Part>,
    ) -> Self {
        let list = List::new(expressions, labels, exclusions, max_hosts, part);
        Self(Arc::new(list))
    }

    /// The endpoints of a saved run, with the place of each in the whole list where that is another than here.
    pub(crate) fn saved(
        endpoints: impl Iterator<Item = (Endpoint, Option<Labels>)>,
        lines: Vec<u32>,
        part: Option<Part>,
    ) -> Self {
        let (endpoints, labels): (Vec<_>, Vec<_>) = endpoints.unzip();
        let expressions = endpoints.into_iter().map(Expression::Single).collect();
        let mut list = List::new(
            expressions,
            labels,
            Exclusions::default(),
            u32::MAX as usize,
            None,
        );
        (list.lines, list.part) = (lines, part);
        Self(Arc::new(list))
    }

    /// The names whose addresses are endpoints of their own, each once.
    pub(crate) fn names_to_resolve(&self) -> HashSet<Box<str>> {
        let is_dns = self.of_each_expression(Expression::is_dns);
        let endpoints = self
            .0
            .offsets
            .iter()
            .filter(|(number, _)| is_dns[*number as usize]);
        let names = endpoints.filter_map(|&at| match self.at(at).address {
            Address::Dns(name, _) => Some(name),
            _ => None,
        });
        names.collect()
    }

    /// The list with an endpoint for each address of those names. A name without addresses stays one endpoint, and so
    /// does one with more addresses than the list may have endpoints. The addresses of a name have its place in the list
    /// and belong to its shard, whatever they are.
    pub(crate) fn resolved(&self, addresses: &Addresses) -> Self {
        let list = &*self.0;
        let mut resolved = List {
            expressions: list.expressions.clone(),
            labels: list.labels.clone(),
            part: list.part,
            excluded: list.excluded,
            exclusions: list.exclusions.clone(),
            max_hosts: list.max_hosts,
            ..List::default()
        };
        let is_dns = self.of_each_expression(Expression::is_dns);
        let mut first_index = FirstIndex::new();
        let mut total = self.len();
        for (index, &at) in list.offsets.iter().enumerate() {
            let endpoint = self.at(at);
            let mut found = vec![(endpoint.clone(), at)];
            if is_dns[at.0 as usize] {
                let free = list.max_hosts.saturating_sub(total) + 1;
                match addresses_of(&endpoint, addresses, free) {
                    Ok(endpoints) => {
                        total += endpoints.len() - 1;
                        let count = endpoints.len();
                        let kept = endpoints
                            .into_iter()
                            .filter(|e| !list.exclusions.contain(e));
                        found = kept
                            .map(|e| {
                                (
                                    e.clone(),
                                    resolved.add_single(e, self.labels(index).cloned()),
                                )
                            })
                            .collect();
                        resolved.excluded += count - found.len();
                    }
                    Err((name, reason)) => _ = resolved.unresolved.insert(name, reason),
                }
            }
            for (endpoint, at) in found {
                resolved.lines.extend(list.lines.get(index));
                resolved.push(endpoint, at, &mut first_index);
            }
        }
        Self(Arc::new(resolved))
    }

    /// Why the endpoint at an index stands for a name and not for one of its addresses, after a failed lookup.
    #[must_use]
    pub fn unresolved(&self, index: usize) -> Option<&Untrusted> {
        if self.0.unresolved.is_empty() {
            return None;
        }
        match self.get(index).address {
            Address::Dns(name, _) => self.0.unresolved.get(&name),
            _ => None,
        }
    }

    /// Whether both are the same list, and not only equal ones.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The number of endpoints, duplicates included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.offsets.len()
    }

    /// Whether the list has no endpoint.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.offsets.is_empty()
    }

    /// The endpoint at an index.
    ///
    /// # Panics
    /// If the index is not below [`Self::len`].
    #[must_use]
    pub fn get(&self, index: usize) -> Endpoint {
        self.at(self.0.offsets[index])
    }

    fn at(&self, (expression, offset): (u32, u32)) -> Endpoint {
        self.0.expressions[expression as usize].get(offset)
    }

    /// The place of the endpoint at an index in the whole list, from 1.
    #[must_use]
    pub fn line(&self, index: usize) -> usize {
        self.0
            .lines
            .get(index)
            .map_or(index + 1, |line| *line as usize)
    }

    /// The part that these endpoints are of a larger list.
    #[must_use]
    pub fn part(&self) -> Option<&Part> {
        self.0.part.as_ref()
    }

    /// All endpoints in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Endpoint> + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The labels of the endpoint at an index, if its source gives any.
    #[must_use]
    pub fn labels(&self, index: usize) -> Option<&Labels> {
        let (expression, _) = self.0.offsets.get(index)?;
        self.0.labels.get(*expression as usize)?.as_ref()
    }

    /// Which endpoints have a name to look up, by index.
    pub(crate) fn names(&self) -> Vec<bool> {
        // The endpoints of one expression differ in numbers only.
        let is_name = self.of_each_expression(|expression| expression.get(0).address.is_name());
        let offsets = self.0.offsets.iter();
        offsets
            .map(|(number, _)| is_name[*number as usize])
            .collect()
    }

    fn of_each_expression(&self, property: impl FnMut(&Expression) -> bool) -> Vec<bool> {
        self.0.expressions.iter().map(property).collect()
    }

    /// The index of the first line with the same endpoint, for one that is listed again.
    #[must_use]
    pub fn duplicate_of(&self, index: usize) -> Option<usize> {
        self.0.duplicates.get(&index).copied()
    }

    /// How many endpoints the exclusions took out.
    #[must_use]
    pub fn excluded(&self) -> usize {
        self.0.excluded
    }
}

impl FromIterator<Endpoint> for Hosts {
    /// A list of endpoints that are known already, such as the seats of a simulated room.
    fn from_iter<I: IntoIterator<Item = Endpoint>>(endpoints: I) -> Self {
        let expressions = endpoints.into_iter().map(Expression::Single).collect();
        let exclusions = Exclusions::default();
        Self::new(expressions, Vec::new(), exclusions, u32::MAX as usize, None)
    }
}

impl FromIterator<(Endpoint, Option<Labels>)> for Hosts {
    /// The same with their labels.
    fn from_iter<I: IntoIterator<Item = (Endpoint, Option<Labels>)>>(endpoints: I) -> Self {
        Self::saved(endpoints.into_iter(), Vec::new(), None)
    }
}

/// How many endpoints [`Hosts::resolved`] puts in the place of one, in a list without a limit.
pub(crate) fn resolved_len(endpoint: &Endpoint, addresses: &Addresses) -> usize {
    addresses_of(endpoint, addresses, usize::MAX).map_or(1, |endpoints| endpoints.len())
}

/// The endpoints of a name's addresses, at least one and at most `max`; or the name and why there are none.
fn addresses_of(
    endpoint: &Endpoint,
    addresses: &Addresses,
    max: usize,
) -> Result<Vec<Endpoint>, (Box<str>, Untrusted)> {
    let Address::Dns(name, port) = &endpoint.address else {
        return Ok(vec![endpoint.clone()]);
    };
    let reason = match addresses.get(name) {
        Some(Ok(ips)) if ips.len() <= max => {
            let resolved = |ip: &IpAddr| Endpoint {
                address: Address::Resolved(name.clone(), *ip, *port),
                raw: endpoint.raw,
            };
            return Ok(ips.iter().map(resolved).collect());
        }
        Some(Ok(ips)) => {
            let count = ips.len();
            Untrusted::new(&format!("with its {count} addresses the list is too long"))
        }
        Some(Err(reason)) => reason.clone(),
        // It is excluded.
        None => Untrusted::new("not looked up"),
    };
    Err((name.clone(), reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::survey::hosts::builder::Builder;

    fn resolved(builder: Builder, addresses: &[(&str, &[&str])]) -> Hosts {
        let found = addresses.iter().map(|(name, ips)| {
            let ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
            (Box::from(*name), Ok(ips))
        });
        let mut found: Addresses = found.collect();
        found.insert("gone".into(), Err(Untrusted::new("no such name")));
        builder.build().unwrap().resolved(&found)
    }

    fn lines(hosts: &Hosts) -> Vec<String> {
        hosts.iter().map(|endpoint| endpoint.to_string()).collect()
    }

    #[test]
    fn addresses_of_a_name_take_its_place_with_its_labels_and_exclusions() {
        let mut builder = Builder::default();
        builder.argument("first,raw://dns+svc:5,dns+gone:7,dns+svc:5,dns+out");
        builder.read(
            "sd.json",
            br#"[{"targets": ["dns+svc[1-2]", "last"], "labels": {"zone": "a"}}]"#,
        );
        for excluded in ["10.0.0.9", "fd00::/16", "svc2@10.0.0.3", "dns+out"] {
            builder.exclude(excluded);
        }
        let hosts = resolved(
            builder,
            &[
                ("svc", &["10.0.0.1", "10.0.0.9", "fd00::1"]),
                ("svc1", &["10.0.0.3"]),
                ("svc2", &["10.0.0.3", "::2"]),
            ],
        );
        assert_eq!(
            lines(&hosts),
            [
                "first:1024",
                "raw://svc@10.0.0.1:5",
                "dns+gone:7",
                "svc@10.0.0.1:5",
                "svc1@10.0.0.3:1024",
                "svc2@[::2]:1024",
                "last:1024",
            ]
        );
        let labels: Vec<_> = (0..7).map(|index| hosts.labels(index).is_some()).collect();
        assert_eq!(labels, [false, false, false, false, true, true, true]);
        let reasons =
            (0..7).filter_map(|index| Some((index, hosts.unresolved(index)?.to_string())));
        assert_eq!(
            reasons.collect::<Vec<_>>(),
            [(2, "no such name".to_owned())]
        );
        assert_eq!(hosts.excluded(), 6);
    }

    #[test]
    fn name_excludes_its_addresses_and_one_address_is_excluded_by_name_and_port() {
        for (excluded, left) in [
            ("svc", ""),
            ("dns+svc:5", ""),
            ("svc:6", "svc@10.0.0.1:5 svc@10.0.0.2:5"),
            ("10.0.0.1:5", "svc@10.0.0.2:5"),
            ("svc@10.0.0.2", "svc@10.0.0.1:5"),
            ("other@10.0.0.2", "svc@10.0.0.1:5 svc@10.0.0.2:5"),
            ("10.0.0.0/31:5", "svc@10.0.0.2:5"),
        ] {
            let mut builder = Builder::default();
            builder.argument("dns+svc:5");
            builder.exclude(excluded);
            let hosts = resolved(builder, &[("svc", &["10.0.0.1", "10.0.0.2"])]);
            assert_eq!(lines(&hosts).join(" "), left, "{excluded}");
        }
    }

    #[test]
    fn name_with_more_addresses_than_the_list_may_have_stays_one_endpoint() {
        let mut builder = Builder::default().max_hosts(4);
        builder.argument("a,dns+svc,dns+more");
        let addresses: &[(&str, &[&str])] = &[
            ("svc", &["10.0.0.1", "10.0.0.2"]),
            ("more", &["::1", "::2"]),
        ];
        let hosts = resolved(builder, addresses);
        assert_eq!(
            lines(&hosts),
            [
                "a:1024",
                "svc@10.0.0.1:1024",
                "svc@10.0.0.2:1024",
                "dns+more:1024"
            ]
        );
        assert_eq!(
            hosts.unresolved(3).unwrap().to_string(),
            "with its 2 addresses the list is too long"
        );
    }

    #[test]
    fn address_that_a_name_has_twice_in_a_list_is_a_duplicate() {
        let mut builder = Builder::default();
        builder.argument("dns+svc,10.0.0.1,svc@10.0.0.2,dns+svc,dns+gone,dns+gone");
        let hosts = resolved(builder, &[("svc", &["10.0.0.1", "10.0.0.2"])]);
        let duplicates = (0..hosts.len()).map(|index| hosts.duplicate_of(index));
        assert_eq!(
            duplicates.collect::<Vec<_>>(),
            [None, None, None, Some(1), Some(0), Some(1), None, Some(6)]
        );
    }
}
