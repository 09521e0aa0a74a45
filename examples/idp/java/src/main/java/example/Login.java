package example;

import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Base64;
import java.util.Map;
import java.util.UUID;
import org.springframework.security.oauth2.client.authentication.OAuth2LoginAuthenticationToken;
import org.springframework.security.oauth2.client.endpoint.OAuth2RefreshTokenGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientAuthorizationCodeTokenResponseClient;
import org.springframework.security.oauth2.client.endpoint.RestClientRefreshTokenTokenResponseClient;
import org.springframework.security.oauth2.client.oidc.authentication.OidcAuthorizationCodeAuthenticationProvider;
import org.springframework.security.oauth2.client.oidc.userinfo.OidcUserService;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.client.registration.ClientRegistrations;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationExchange;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationRequest;
import org.springframework.security.oauth2.core.endpoint.OAuth2AuthorizationResponse;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.web.util.UriComponentsBuilder;

/**
 * Logs in at a provider like Spring Security behind oauth2Login(), and renews the access token. Prints who logged in.
 * The provider must log in without a page. Arguments: issuer, redirect address.
 */
public final class Login {
  public static void main(String[] args) throws Exception {
    ClientRegistration client =
        ClientRegistrations.fromIssuerLocation(args[0])
            .registrationId("idp").clientId("web").clientSecret("s3cret").redirectUri(args[1])
            .scope("openid", "profile", "email", "offline_access")
            .build();
    String nonce = UUID.randomUUID().toString();
    byte[] hash = MessageDigest.getInstance("SHA-256").digest(nonce.getBytes(StandardCharsets.US_ASCII));
    OAuth2AuthorizationRequest request =
        OAuth2AuthorizationRequest.authorizationCode()
            .clientId(client.getClientId())
            .authorizationUri(client.getProviderDetails().getAuthorizationUri())
            .redirectUri(args[1]).scopes(client.getScopes()).state(UUID.randomUUID().toString())
            .attributes(Map.of("registration_id", "idp", "nonce", nonce))
            .additionalParameters(Map.of("nonce", Base64.getUrlEncoder().withoutPadding().encodeToString(hash)))
            .build();
    var returned = UriComponentsBuilder.fromUri(follow(URI.create(request.getAuthorizationRequestUri()), args[1])).build(true).getQueryParams();
    OAuth2AuthorizationResponse response =
        OAuth2AuthorizationResponse.success(returned.getFirst("code")).redirectUri(args[1]).state(returned.getFirst("state")).build();

    // State, token endpoint, signature and claims of the id_token with its nonce, userinfo.
    var provider = new OidcAuthorizationCodeAuthenticationProvider(new RestClientAuthorizationCodeTokenResponseClient(), new OidcUserService());
    var login = (OAuth2LoginAuthenticationToken)
        provider.authenticate(new OAuth2LoginAuthenticationToken(client, new OAuth2AuthorizationExchange(request, response)));
    OidcUser user = (OidcUser) login.getPrincipal();
    var renewed = new RestClientRefreshTokenTokenResponseClient()
        .getTokenResponse(new OAuth2RefreshTokenGrantRequest(client, login.getAccessToken(), login.getRefreshToken()));
    if (renewed.getAccessToken().getTokenValue().equals(login.getAccessToken().getTokenValue())) {
      throw new IllegalStateException("not renewed");
    }
    System.out.println(user.getName() + " " + user.getEmail() + " " + user.getClaims().get("permissions"));
  }

  /** Follows redirects from the provider until one leads to the application, and returns its address. */
  private static URI follow(URI at, String application) throws Exception {
    HttpClient browser = HttpClient.newBuilder().cookieHandler(new CookieManager()).build();
    for (int hops = 0; hops < 10; hops++) {
      var answer = browser.send(HttpRequest.newBuilder(at).build(), HttpResponse.BodyHandlers.discarding());
      at = at.resolve(answer.headers().firstValue("location").orElseThrow());
      if (at.toString().startsWith(application)) {
        return at;
      }
    }
    throw new IllegalStateException("too many redirects");
  }
}
