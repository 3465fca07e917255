// breaks: eslint(no-restricted-imports)
export { pack } from "msgpackr";
