// Holds answers against the SDK's types, as build.mjs wrote them down. It is as
// strict as the strictest client: required fields are there, enums are closed, null
// only where it is allowed, and a moment is RFC 3339 with a zone.
import shapes from "./shapes.json" with { type: "json" };

type Shape = string | { is: unknown } | { either: Shape[] } | { list: Shape } | { object: string };
interface Field {
  shape: Shape;
  optional: boolean;
}

/** Shapes are the answers of all operations, of the SDK and of an older one, and the objects that they are made of. */
export interface Shapes {
  current: Record<string, Shape>;
  older: Record<string, Shape>;
  objects: Record<string, Record<string, Field>>;
}

const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** misfits says where an operation's answer is not what the SDK's types promise. */
export function misfits(operation: string, answer: unknown): string[] {
  const shape = shapes.current[operation];
  if (shape === undefined) return [`the SDK has no operation ${operation}`];
  const before = shapes.older[operation] ?? "any"; // it is newer than that SDK
  return [...differences(shape, answer, "answer"), ...differences(before, answer, "answer to an older client")];
}

function differences(shape: Shape, value: unknown, where: string): string[] {
  if (typeof shape === "string") {
    switch (shape) {
      case "any":
        return [];
      case "nothing":
        return value === undefined || value === "" ? [] : wrong("nothing", value, where);
      case "null":
        return value === null ? [] : wrong("null", value, where);
      default:
        return typeof value === shape ? [] : wrong(shape, value, where);
    }
  }
  if ("is" in shape) return value === shape.is ? [] : wrong(JSON.stringify(shape.is), value, where);
  if ("either" in shape) return alternatives(shape.either, value, where);
  if ("list" in shape) {
    if (!Array.isArray(value)) return wrong("a list", value, where);
    return value.flatMap((element, n) => differences(shape.list, element, `${where}[${n}]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return wrong(shape.object, value, where);
  return Object.entries(shapes.objects[shape.object] ?? {}).flatMap(([name, field]) => member(field, name, value as Record<string, unknown>, `${where}.${name}`));
}

function member(field: Field, name: string, of: Record<string, unknown>, where: string): string[] {
  const value = of[name];
  if (value === undefined) return field.optional ? [] : [`${where} is missing`];
  const timed = name.endsWith("_at") || name === "timestamp";
  if (timed && typeof value === "string" && !moment.test(value)) return wrong("a moment with a zone", value, where);
  return differences(field.shape, value, where);
}

function alternatives(shapes: Shape[], value: unknown, where: string): string[] {
  const all = shapes.map((s) => differences(s, value, where));
  if (all.some((list) => list.length === 0)) return [];
  // Of one object or null, say what is wrong with the object.
  const deeper = all.filter((list, n) => typeof shapes[n] === "object" && ("object" in shapes[n] || "list" in shapes[n]));
  return deeper.length === 1 && value !== null ? deeper[0]! : wrong("one of what is allowed", value, where);
}

function wrong(want: string, value: unknown, where: string): string[] {
  return [`${where} is ${JSON.stringify(value)}, not ${want}`];
}
