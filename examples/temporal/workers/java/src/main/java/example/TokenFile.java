package example;

import io.temporal.authorization.AuthorizationTokenSupplier;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads the token for every request from a file, such as the one that {@code jwtctl token --refresh} updates. */
final class TokenFile implements AuthorizationTokenSupplier {
  private static final Logger LOG = LoggerFactory.getLogger(TokenFile.class);
  private static final Pattern KEY_ID = Pattern.compile("\"kid\"\\s*:\\s*\"([^\"]*)\"");

  private final Path file;
  private String last = "";

  TokenFile(Path file) {
    this.file = file;
  }

  @Override
  public synchronized String supply() {
    try {
      String token = Files.readString(file).strip();
      if (!token.equals(last)) {
        last = token;
        LOG.info("new token, kid={}", keyId(token));
      }
      return "Bearer " + token;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the key ID in a token's header, for the log: never the token itself. */
  private static String keyId(String token) {
    byte[] header = Base64.getUrlDecoder().decode(token.split("\\.")[0]);
    Matcher m = KEY_ID.matcher(new String(header, StandardCharsets.UTF_8));
    return m.find() ? m.group(1) : "";
  }
}
