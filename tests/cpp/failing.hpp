#pragma once

// Allocations of pylinear's, and starts of its threads, that can be made to fail; from Python too. They are counted
// from the call that asks for it.

extern "C" {
/// The allocation of this number fails, and all later ones if so asked; none does for a number below 0.
void fail_allocation(long number, int and_all_after);
/// So many more threads can be started.
void fail_threads(long after);
void fail_nothing();
long allocations_begun();
long allocations_failed();
long starts_failed();
/// Blocks that have been allocated and not released, by anyone.
long blocks_held();
/// Ways through the code on which an allocation has failed.
long sites_seen();
}
