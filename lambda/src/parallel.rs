//! Several blocking calls at once, all of them done before it returns.

use std::thread;

/// Calls at once.
const MAX_THREADS: usize = 8;

/// The results in the order of the items.
pub(crate) fn each_of<T: Sync, R: Send>(items: &[T], call: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() < 2 {
        return items.iter().map(call).collect();
    }
    let call = &call;
    let share = items.len().div_ceil(MAX_THREADS);
    thread::scope(|scope| {
        let shares = items.chunks(share);
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || share.iter().map(call).collect::<Vec<R>>()))
            .collect();
        let joined = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for count in [0, 1, 2, 7, 8, 9, 100] {
            let items: Vec<usize> = (0..count).collect();
            let expect: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(each_of(&items, |item| item * 2), expect);
        }
    }
}
