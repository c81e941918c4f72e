export { CreateInstance } from "./create";
export { Lakebase } from "./overview";
