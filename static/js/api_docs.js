// Starts the API's page for people; requests from it carry the log-in's CSRF token.
(() => {
  "use strict";

  const place = document.getElementById("swagger-ui");
  SwaggerUIBundle({
    url: place.dataset.url,
    domNode: place,
    layout: "BaseLayout",
    deepLinking: true,
    presets: [SwaggerUIBundle.presets.apis],
    requestInterceptor: (request) => {
      if (new URL(request.url, location.href).origin === location.origin) {
        request.headers["X-CSRFToken"] = place.dataset.csrf;
      }
      return request;
    },
  });
})();
