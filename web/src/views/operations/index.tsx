export { Operations } from "./list";
export { OperationPage } from "./page";
