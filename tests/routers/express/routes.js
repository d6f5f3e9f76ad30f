// Express, with a route for each template: `node routes.js PORT TEMPLATE...`, the most specific template first. It answers
// with the route that its router chose.
const express = require("express");

const [port, ...templates] = process.argv.slice(2);
const app = express();
// by default Express joins `/Me`, `/me/` and `/me`
app.set("case sensitive routing", true);
app.set("strict routing", true);

function answer(request, response, route) {
  const parameters = Object.entries(request.params ?? {}).map(([name, value]) => [name, [value].flat().join("/")]);
  response.json({
    target: request.originalUrl,
    route,
    parameters: Object.fromEntries(parameters),
    assertion: request.get("x-auth-principal"),
  });
}

for (const template of templates) {
  const segments = template.split("/").map((segment) => {
    const name = segment.match(/^\{(.*)\}$/)?.[1];
    if (name === undefined) return segment.replace(/[{}()[\]+?!:*\\]/g, "\\$&");
    return name.startsWith("*") ? name : `:${name}`;
  });
  app.all(segments.join("/"), (request, response) => answer(request, response, template));
}
app.use((request, response) => answer(request, response, ""));
app.listen(Number(port), "127.0.0.1");
