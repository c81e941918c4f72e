import type { components } from "./schema";

/** Problem is what the server says of a refused request (RFC 9457). */
export type Problem = components["schemas"]["Problem"];

/** ProblemError is a refused request: what happened, what to do next, and the id to look for in the server's log. */
export class ProblemError extends Error {
  readonly problem: Problem;
  readonly requestId: string | undefined;

  constructor(problem: Problem, requestId?: string) {
    super(problem.detail);
    this.name = "ProblemError";
    this.problem = problem;
    this.requestId = requestId;
  }

  get status() {
    return this.problem.status;
  }
}

/** isMissing says whether the server does not know what it was asked about. */
export const isMissing = (error: unknown) => error instanceof ProblemError && error.status === 404;

/** OfflineError is a request that met no server. */
export class OfflineError extends Error {
  constructor(cause?: unknown) {
    super("the server cannot be reached", { cause });
    this.name = "OfflineError";
  }
}

/** problemOf reads the answer to a refused request. What is no problem document, a proxy may have written. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const id = response.headers.get("X-Request-Id") ?? undefined;
  const text = await response.text().catch(() => "");
  const said = parse(text);
  return new ProblemError(
    {
      title: said?.title ?? (response.statusText || `Status ${response.status}`),
      status: response.status,
      kind: said?.kind ?? "internal",
      detail: said?.detail ?? `the server answered with status ${response.status}`,
      hint: said?.hint ?? "try again; if it stays, look into the server's log",
      ...(said?.errors ? { errors: said.errors } : {}),
      ...(said?.faults ? { faults: said.faults } : {}),
    },
    id,
  );
}

function parse(text: string): Partial<Problem> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Partial<Problem>) : undefined;
  } catch {
    return undefined;
  }
}

/** asProblem makes of anything that was thrown something that ErrorPanel can show. */
export function asProblem(error: unknown): { problem: Problem; requestId?: string } {
  if (error instanceof ProblemError) {
    return error.requestId ? { problem: error.problem, requestId: error.requestId } : { problem: error.problem };
  }
  if (error instanceof OfflineError) {
    return {
      problem: {
        title: "No connection",
        status: 0,
        kind: "unavailable",
        detail: "the server cannot be reached",
        hint: "see whether it still runs; this page goes on by itself when it answers",
      },
    };
  }
  return {
    problem: {
      title: "The page failed",
      status: 0,
      kind: "internal",
      detail: error instanceof Error ? error.message : String(error),
      hint: "load the page again; nothing on the server has changed by this",
    },
  };
}
