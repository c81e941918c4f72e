import { queries } from "./client";

const patience = 120_000;
let touched = Date.now();

/**
 * whileAttended is how often to look into an instance: every so many milliseconds, and not at all when nobody has touched the
 * page for two minutes. A look is a connection. It would keep an instance from going to sleep, and its compute on the bill,
 * for as long as a page stands open.
 */
export const whileAttended = (ms: number) => () => (Date.now() - touched < patience ? ms : false);

/** startWatchingAttention looks at everything anew when somebody comes back to the page. */
export function startWatchingAttention() {
  const here = () => {
    const back = Date.now() - touched >= patience;
    touched = Date.now();
    if (back) void queries.refetchQueries({ type: "active" });
  };
  for (const sign of ["pointermove", "pointerdown", "keydown", "wheel", "focus"]) {
    window.addEventListener(sign, here, { capture: true, passive: true });
  }
}
