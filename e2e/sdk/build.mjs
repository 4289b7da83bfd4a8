// Compiles the driver strictly against the SDK's types, and writes those types down
// as data (built/shapes.json), so that answers can be held against them at run time:
// the SDK itself decodes nothing. The types of an older SDK are written down too: it
// stands for the clients that people do not update, whose enumerations are smaller.
// One program serves all, because reading the declarations is what takes the time.
import { mkdirSync, writeFileSync } from "node:fs";
import ts from "typescript";

const config = ts.parseJsonConfigFileContent(ts.readConfigFile("tsconfig.json", ts.sys.readFile).config, ts.sys, ".");
const declarations = ["qovery-typescript-axios", "older-sdk"].map((name) => `node_modules/${name}/dist/api.d.ts`);
const program = ts.createProgram([...config.fileNames, ...declarations], config.options);
const emitted = program.emit();
const problems = [...config.errors, ...ts.getPreEmitDiagnostics(program), ...emitted.diagnostics];
if (problems.length > 0) {
  console.error(ts.formatDiagnostics(problems, { getCanonicalFileName: (name) => name, getCurrentDirectory: ts.sys.getCurrentDirectory, getNewLine: () => "\n" }));
  process.exit(1);
}

const checker = program.getTypeChecker();
const objects = {}; // name -> properties
const names = new Map(); // type -> its name in objects

/** shape describes a type: a word, a list of alternatives, or what it is made of. */
function shape(type) {
  const flags = type.flags;
  if (flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown | ts.TypeFlags.NonPrimitive)) return "any";
  if (flags & (ts.TypeFlags.Void | ts.TypeFlags.Undefined | ts.TypeFlags.Never)) return "nothing";
  if (flags & ts.TypeFlags.Null) return "null";
  if (flags & ts.TypeFlags.BooleanLiteral) return { is: type.intrinsicName === "true" };
  if (flags & (ts.TypeFlags.StringLiteral | ts.TypeFlags.NumberLiteral)) return { is: type.value };
  if (flags & ts.TypeFlags.String) return "string";
  if (flags & ts.TypeFlags.Number) return "number";
  if (flags & ts.TypeFlags.Boolean) return "boolean"; // before unions: it is true | false
  if (type.isUnion()) return { either: type.types.filter((t) => !(t.flags & ts.TypeFlags.Undefined)).map(shape) };
  const name = type.symbol?.name;
  if (checker.isArrayType(type) || name === "Set") return { list: shape(checker.getTypeArguments(type)[0]) };
  return { object: object(type) };
}

function object(type) {
  if (names.has(type)) return names.get(type);
  const name = `${checker.typeToString(type)} #${names.size}`;
  names.set(type, name);
  const fields = (objects[name] = {});
  for (const property of checker.getPropertiesOfType(type)) {
    fields[property.name] = { shape: shape(checker.getTypeOfSymbol(property)), optional: (property.flags & ts.SymbolFlags.Optional) !== 0 };
  }
  return name;
}

/** operations are the methods of the XxxApi classes; an answer is the data of what a method promises. */
function operations(file) {
  const found = {};
  for (const statement of program.getSourceFile(file).statements) {
    if (!ts.isClassDeclaration(statement) || !statement.name?.text.endsWith("Api")) continue;
    for (const member of statement.members) {
      if (!ts.isMethodDeclaration(member)) continue;
      const response = checker.getAwaitedType(checker.getSignatureFromDeclaration(member).getReturnType());
      found[member.name.getText()] = shape(checker.getTypeOfSymbol(response.getProperty("data")));
    }
  }
  return found;
}

const [current, older] = declarations.map(operations);
mkdirSync("built", { recursive: true });
writeFileSync("built/shapes.json", JSON.stringify({ current, older, objects }));
