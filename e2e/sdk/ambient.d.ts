// What the driver uses of its surroundings.
declare const process: { env: Record<string, string | undefined> };

// Written by build.mjs.
declare module "*/shapes.json" {
  const shapes: import("./shapes.js").Shapes;
  export default shapes;
}
