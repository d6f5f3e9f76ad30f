import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/**
 * Tomcat, with a servlet for each template: {@code Routes FOLDER PORT TEMPLATE...}, the most specific template first. It
 * answers with the template that was chosen: by Tomcat's own mappings for literals and for the rest; a mapping has no
 * parameters, so those templates are compared with the path as Tomcat has read it, by a servlet for all that is left.
 */
public class Routes {
    public static void main(String[] arguments) throws Exception {
        var tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(arguments[1]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        var templates = Arrays.stream(arguments).skip(2).map(Template::of).toList();
        var context = tomcat.addContext("", null);
        for (var template : templates) {
            if (template.mapping() != null) {
                map(context, template.text, template.mapping(), new Router(template, templates));
            }
        }
        map(context, "others", "/", new Router(null, templates));
        tomcat.start();
        tomcat.getServer().await();
    }

    private static void map(Context context, String name, String mapping, HttpServlet servlet) {
        Tomcat.addServlet(context, name, servlet);
        context.addServletMappingDecoded(mapping, name);
    }

    record Template(String text, List<String> segments) {
        static Template of(String text) {
            var segments = Arrays.stream(text.substring(1).split("/", -1));
            return new Template(text, segments.map(it -> URLDecoder.decode(it, StandardCharsets.UTF_8)).toList());
        }

        /** The servlet mapping that means the same, or almost: {@code /files/*} is {@code /files} and {@code /files/}, too. */
        String mapping() {
            if (text.equals("/")) {
                return "";
            }
            int parameter = text.indexOf("{");
            if (parameter < 0) {
                return "/" + String.join("/", segments);
            }
            return text.startsWith("{*", parameter) ? text.substring(0, parameter) + "*" : null;
        }

        /** The parameters of a decoded path, or null if it does not match. */
        Map<String, String> match(String path) {
            var rest = List.of(path.substring(1).split("/", -1));
            var parameters = new LinkedHashMap<String, String>();
            for (int at = 0; at < segments.size(); at++) {
                var segment = segments.get(at);
                if (at >= rest.size()) {
                    return null;
                }
                if (segment.startsWith("{*")) {
                    var value = String.join("/", rest.subList(at, rest.size()));
                    parameters.put(segment.substring(2, segment.length() - 1), value);
                    return value.isEmpty() ? null : parameters;
                }
                if (segment.startsWith("{")) {
                    if (rest.get(at).isEmpty()) {
                        return null;
                    }
                    parameters.put(segment.substring(1, segment.length() - 1), rest.get(at));
                } else if (!segment.equals(rest.get(at))) {
                    return null;
                }
            }
            return rest.size() == segments.size() ? parameters : null;
        }
    }

    static class Router extends HttpServlet {
        private final Template own;
        private final List<Template> all;

        Router(Template own, List<Template> all) {
            this.own = own;
            this.all = all;
        }

        @Override
        protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
            var info = request.getPathInfo();
            var path = request.getServletPath() + (info == null ? "" : info);
            var found = own;
            for (var at = 0; found == null && at < all.size(); at++) {
                found = all.get(at).match(path) == null ? null : all.get(at);
            }
            var route = found == null ? "" : found.text;
            var parameters = found == null ? null : found.match(path);
            var members = new StringBuilder();
            for (var entry : (parameters == null ? Map.<String, String>of() : parameters).entrySet()) {
                members.append(members.isEmpty() ? "" : ",").append(text(entry.getKey()));
                members.append(":").append(text(entry.getValue()));
            }
            response.setContentType("application/json");
            response.setCharacterEncoding("UTF-8");
            response.getWriter().print("{\"target\":" + text(request.getRequestURI()) + ",\"route\":" + text(route)
                + ",\"parameters\":{" + members + "},\"assertion\":" + text(request.getHeader("x-auth-principal")) + "}");
        }

        /** A JSON string. */
        private static String text(String value) {
            if (value == null) {
                return "null";
            }
            var text = new StringBuilder("\"");
            for (char c : value.toCharArray()) {
                text.append(c < ' ' || c == '"' || c == '\\' ? String.format("\\u%04x", (int) c) : c);
            }
            return text.append('"').toString();
        }
    }
}
