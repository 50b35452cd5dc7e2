/**
 * The one way from running back to waiting without a verdict: what was to be cancelled is cancelled, and what joined
 * meanwhile begins with a clean slate. `@uncounted` attempts are given back. A caller may narrow it with `AND`.
 */
export const putBack = `
  UPDATE task SET state = iif(cancel_requested_at IS NULL, 'available', 'cancelled'),
    finished_at = cancel_requested_at, cancel_requested_at = NULL,
    attempts = iif(next_wanted_at IS NULL, max(attempts - @uncounted, 0), 0),
    wanted_at = min(wanted_at, ifnull(next_wanted_at, wanted_at)), next_wanted_at = NULL,
    force = max(force, ifnull(next_force, 0)), next_force = NULL
  WHERE state = 'running'`;
