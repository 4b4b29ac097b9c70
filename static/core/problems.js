/**
 * What went wrong, named so that `strings.problems` can say what to do about it.
 *
 * A problem is {code, retry_after_s?, detail?, told?}; `told` is what else the server says of it.
 */

/** A failure with a problem: what the page throws and shows. */
export class Problem extends Error {
  constructor(code, extra = {}) {
    super(code);
    this.name = "Problem";
    this.code = code;
    this.retry_after_s = extra.retry_after_s ?? null;
    this.detail = extra.detail ?? "";
    this.told = extra.told ?? {};
  }
}

// Names of DOMException that getUserMedia rejects with (W3C Media Capture and Streams, section 9.2).
const MICROPHONE = {
  NotAllowedError: "microphone.denied",
  SecurityError: "microphone.denied",
  NotFoundError: "microphone.none",
  OverconstrainedError: "microphone.none",
  NotReadableError: "microphone.busy",
  AbortError: "microphone.busy",
};

/** Return the problem of a refused microphone. */
export function microphoneProblem(error) {
  return new Problem(MICROPHONE[error?.name] ?? "microphone.failed", { detail: String(error?.message ?? error) });
}

/** Return what this browser lacks, or null: `scope` is the window. */
export function environmentProblem(scope) {
  if (!scope.isSecureContext) return new Problem("origin.insecure");
  if (!scope.navigator?.mediaDevices?.getUserMedia) return new Problem("browser.old");
  if (!scope.AudioWorkletNode || !scope.WebSocket) return new Problem("browser.old");
  return null;
}

// It is used when a full server does not say when it will have room.
const DEFAULT_RETRY_S = 30;

// The server's own codes that the page has words for; without one (a proxy answered) the status has to do.
const CODES = {
  "access.too_many": "server.too_many",
  "capacity.not_ready": "server.not_ready",
  "capacity.draining": "server.draining",
  "capacity.moving": "server.draining",
  "session.asked_too_often": "server.too_many",
  "card.unknown": "card.unknown",
  "session.gone": "session.expired",
  // It was joined once: it is used up.
  "session.in_use": "session.expired",
  "session.over": "session.expired",
};

/**
 * Return the problem of an HTTP answer that is not a success.
 *
 * `retry_after` is the header's text or null, `code` and `detail` are the server's own code and words, `told` all it says.
 */
export function httpProblem(status, { retry_after = null, code = "", detail = "", told = {} } = {}) {
  if (status === 503 || status === 429) {
    const seconds = Number(retry_after);
    const usable = retry_after !== null && Number.isFinite(seconds) && seconds >= 0;
    const retry_after_s = usable ? Math.ceil(seconds) : DEFAULT_RETRY_S;
    return new Problem(CODES[code] ?? "server.full", { retry_after_s, detail, told });
  }
  if (code in CODES) return new Problem(CODES[code], { detail });
  if (status === 404) return new Problem("card.unknown", { detail });
  if (status === 401 || status === 403) return new Problem("session.expired", { detail });
  return new Problem("server.failed", { detail });
}

/** Return the problem of a socket that closed before the session had ended. */
export function closeProblem(close_code) {
  if (close_code === 1013) return new Problem("server.full", { retry_after_s: DEFAULT_RETRY_S });
  if (close_code === 4409) return new Problem("session.taken");
  if ([1008, 4401, 4403, 4404].includes(close_code)) return new Problem("session.expired");
  return new Problem("connection.lost");
}
