// Reports each call of the SDK as a line of JSON on the standard output.
import { isAxiosError, type AxiosResponse } from "axios";
import { misfits } from "./shapes.js";

/** watch gives an API of the SDK whose calls are reported; an operation is known by its method's name. */
export function watch<T extends object>(api: T): T {
  return new Proxy(api, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver);
      if (typeof method !== "function") return method;
      return async (...args: unknown[]) => {
        let response: AxiosResponse<unknown>;
        try {
          response = await method.apply(target, args);
        } catch (e) {
          throw new Refusal(String(name), e);
        }
        const type = String(response.headers["content-type"] ?? "");
        const problems = misfits(String(name), response.data);
        if (response.data && !type.startsWith("application/json")) problems.push(`the answer's type is ${type || "missing"}`);
        report({ operation: String(name), status: response.status, problems });
        return response;
      };
    },
  });
}

class Refusal extends Error {
  constructor(
    readonly operation: string,
    readonly reason: unknown,
  ) {
    super(`${operation}: ${isAxiosError(reason) ? `${reason.message} ${JSON.stringify(reason.response?.data)}` : String(reason)}`);
  }
}

/** refused makes a call that must be refused with a status; what the SDK's user catches is reported. */
export async function refused(status: number, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (e) {
    if (e instanceof Refusal && isAxiosError(e.reason) && e.reason.response?.status === status) {
      report({ operation: e.operation, status, refusal: e.reason.response.data });
      return;
    }
    throw e;
  }
  throw new Error(`expected a refusal with ${status}: ${call}`);
}

function report(line: object): void {
  console.log(JSON.stringify(line));
}
